package main

import (
	"encoding/binary"
	"errors"
)

var errTruncated = errors.New("truncated protobuf")

// fields calls visit for each field of a protobuf message: with its number, its bits when it is a number (varint or
// fixed), its bytes when it is length-delimited.
func fields(message []byte, visit func(number int, bits uint64, bytes []byte) error) error {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return errTruncated
		}
		message = message[n:]
		var bits uint64
		var value []byte
		switch tag & 7 {
		case 0:
			bits, n = binary.Uvarint(message)
			if n <= 0 {
				return errTruncated
			}
		case 1:
			if n = 8; len(message) < n {
				return errTruncated
			}
			bits = binary.LittleEndian.Uint64(message)
		case 2:
			length, prefix := binary.Uvarint(message)
			if prefix <= 0 || length > uint64(len(message)-prefix) {
				return errTruncated
			}
			n = prefix + int(length)
			value = message[prefix:n]
		case 5:
			if n = 4; len(message) < n {
				return errTruncated
			}
			bits = uint64(binary.LittleEndian.Uint32(message))
		default:
			return errors.New("unknown protobuf wire type")
		}
		if err := visit(int(tag>>3), bits, value); err != nil {
			return err
		}
		message = message[n:]
	}
	return nil
}
