//go:build etcd36 || etcd37

package lib

import "errors"

// HasAlias says whether UnmarshalAlias is there.
const HasAlias = false

// UnmarshalAlias returns an error: this library has no decoder that aliases its input.
func UnmarshalAlias(*Message, []byte) error {
	return errors.New("this library has no aliasing decoder")
}
