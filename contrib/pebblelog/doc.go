// Package pebblelog keeps the logs, hard states and snapshots of any number of Raft groups in one Pebble database
// (Raft §5.1, §7). Its Store implements replica.LogStore:
//
//	store, err := pebblelog.Open("/var/lib/app/log", pebblelog.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close() // after the host has stopped
//	host, err := replica.NewHost(replica.HostConfig{ID: 1, Store: store, Transport: transport})
//
// # Writing
//
// A Write is one batch in the database's write-ahead log, for however many groups, with one fsync if one of its updates asks
// for it. The removal of entries that others replace, the entries, and the record of where the log ends are in the same
// batch, so that a removed end cannot come back after a crash, and no crash leaves a part of a Write. Readers see a
// Write whole and, as they do not wait for the disk, a little before it is durable; they never see part of it.
//
// Compacting writes a range tombstone, without fsync. The space is reclaimed by the database in the background, within about
// half a minute after the tombstone has been written, or later if the database is busy. Some 64 MiB of what was removed, and the
// files of the write-ahead log that are kept to be used again, may stay until more is written.
//
// The contents of snapshots are written in pieces of 256 KiB as they come, without fsync until they are finished, and read
// piece by piece: no more than one piece of each reader and writer is in memory, besides the database's own buffers.
//
// # Damage
//
// Every value carries a CRC-32C over its key and its contents. A read that meets one that does not match, an entry
// that is missing, or an end of the log that is not where it was written, returns a *DamageError, which names the group and
// the index, and no entry. Opening a group checks both ends of its log.
//
// The database itself leaves out what is damaged at the end of its own log, since a torn write looks the same. So that no
// acknowledged write vanishes unnoticed, synced writes are numbered, and the number of the last acknowledged one is kept
// in a file beside the database: Open returns an error that wraps ErrLost if the database ends before it. The file is not
// synced. After a loss of power it may be behind by what the operating system had not written back; then damage to writes
// from these last seconds is not noticed.
//
// After damage the member must not go on with what is left, since it may have forgotten a vote. Remove it from its groups, and
// add it again under another ID and with an empty directory.
//
// # When the disk fails
//
// If the write-ahead log or the database's manifest cannot be written, for instance because the disk is full, it is unknown
// what is durable. Nothing is acknowledged from then on, and Options.OnFatal is called, which by default logs the error and ends
// the process, as Pebble itself does. If the failure is met while a full write-ahead log is closed, Pebble ends the
// process in any case. After a restart everything that was acknowledged is there.
//
// If only tables cannot be written, in the background, that is logged and tried again. Writes go on, since they are in the
// write-ahead log and in memory; when four tables wait in memory (Options.MemTableBytes each), Write waits until one could be
// written. A disk that hangs has Write wait, too; reading entries that are in memory does not wait for it.
package pebblelog
