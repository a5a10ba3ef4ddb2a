// The keys of the fields of a Message and its entries as every encoder writes them: one byte, which holds the wire type
// in its lowest three bits and above them the field's number. The same keys can be written in more bytes than one; only
// the decoder's cursor knows those.

package raftpb

// These are the wire types that the fields of a Message have, and the one that cannot begin a field.
const (
	wireVarint   = 0
	wireBytes    = 2
	wireEndGroup = 4

	wireBits = 3
	wireMask = 1<<wireBits - 1
)

// The fields of a Message.
const (
	keyType       = 1<<wireBits | wireVarint
	keyTo         = 2<<wireBits | wireVarint
	keyFrom       = 3<<wireBits | wireVarint
	keyTerm       = 4<<wireBits | wireVarint
	keyLogTerm    = 5<<wireBits | wireVarint
	keyIndex      = 6<<wireBits | wireVarint
	keyEntries    = 7<<wireBits | wireBytes
	keyCommit     = 8<<wireBits | wireVarint
	keySnapshot   = 9<<wireBits | wireBytes
	keyReject     = 10<<wireBits | wireVarint
	keyRejectHint = 11<<wireBits | wireVarint
	keyContext    = 12<<wireBits | wireBytes
	keyVote       = 13<<wireBits | wireVarint
	keyResponses  = 14<<wireBits | wireBytes
)

// The fields of an Entry.
const (
	keyEntryType  = 1<<wireBits | wireVarint
	keyEntryTerm  = 2<<wireBits | wireVarint
	keyEntryIndex = 3<<wireBits | wireVarint
	keyEntryData  = 4<<wireBits | wireBytes
)

// The fields of a Snapshot.
const (
	keySnapshotData     = 1<<wireBits | wireBytes
	keySnapshotMetadata = 2<<wireBits | wireBytes
)
