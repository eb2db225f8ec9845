package lossy

import (
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount shows the disk at a directory, until unmount is called, which fails while a
// file is open. It needs the right to mount, as root has it, in a user namespace too.
func (d *Disk) Mount(dir string) (unmount func() error, err error) {
	server, err := fuse.NewServer(&files{RawFileSystem: fuse.NewDefaultRawFileSystem(), d: d, open: map[uint64]*handle{}}, dir, &fuse.MountOptions{
		DirectMountStrict: true, FsName: "lossy", Name: "lossy", DisableXAttrs: true, DisableReadDirPlus: true, MaxWrite: 1 << 20,
	})
	if err != nil {
		return nil, err
	}
	var served sync.WaitGroup
	served.Go(server.Serve)
	if err := server.WaitMount(); err != nil {
		return nil, err
	}
	return func() error {
		if err := server.Unmount(); err != nil {
			return err
		}
		served.Wait()
		return nil
	}, nil
}

// files is one mount of a disk. The kernel keeps nothing of it: it asks each time.
type files struct {
	fuse.RawFileSystem
	d    *Disk
	open map[uint64]*handle
	last uint64
}

// handle is a file or directory that somebody has open.
type handle struct {
	n        *node
	synced   bool // each write is synced
	failures int  // the failed syncs that it was told of, or that were before it
	list     []fuse.DirEntry
}

// enter locks the disk and finds a node by the number that the kernel knows.
func (f *files) enter(number uint64) (*node, func()) {
	f.d.mu.Lock()
	return f.d.nodes[number], f.d.mu.Unlock
}

// opened makes a handle of a node.
func (f *files) opened(n *node, flags uint32) uint64 {
	f.last++
	f.open[f.last] = &handle{n: n, synced: flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0, failures: n.failures}
	return f.last
}

func (n *node) attributes(out *fuse.Attr) {
	size := uint64(len(n.data))
	*out = fuse.Attr{Ino: n.number, Size: size, Blocks: (size + sectorSize - 1) / sectorSize, Blksize: pageSize, Mode: n.mode, Nlink: n.links}
	out.SetTimes(&n.modified, &n.modified, &n.modified)
	out.Owner = fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())} //nolint:gosec // as the kernel has them
}

func (n *node) entry(out *fuse.EntryOut) {
	out.NodeId = n.number
	n.attributes(&out.Attr)
}

// Lookup finds a name in a directory.
func (f *files) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir, leave := f.enter(in.NodeId)
	defer leave()
	n := dir.seen[name]
	if n == nil {
		return fuse.ENOENT
	}
	n.entry(out)
	return fuse.OK
}

// GetAttr returns what a node is.
func (f *files) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, leave := f.enter(in.NodeId)
	defer leave()
	n.attributes(&out.Attr)
	return fuse.OK
}

// SetAttr changes size or mode.
func (f *files) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, leave := f.enter(in.NodeId)
	defer leave()
	if status := f.failing(); !status.Ok() {
		return status
	}
	if mode, is := in.GetMode(); is {
		n.mode = n.mode&syscall.S_IFMT | mode&^syscall.S_IFMT
	}
	if size, is := in.GetSize(); is {
		if size > math.MaxInt32 {
			return fuse.Status(syscall.EFBIG)
		}
		f.d.resize(n, int(size))
	}
	if at, is := in.GetMTime(); is {
		n.modified = at
	}
	n.attributes(&out.Attr)
	return fuse.OK
}

// add makes a node in a directory.
func (f *files) add(parent uint64, name string, mode uint32, out *fuse.EntryOut) (*node, fuse.Status) {
	dir := f.d.nodes[parent]
	if status := f.failing(); !status.Ok() {
		return nil, status
	}
	if dir.seen[name] != nil {
		return nil, fuse.Status(syscall.EEXIST)
	}
	n := f.d.makeNode(mode)
	f.d.enter(dir, name, n)
	n.entry(out)
	return n, fuse.OK
}

// Mkdir makes a directory.
func (f *files) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	_, status := f.add(in.NodeId, name, syscall.S_IFDIR|in.Mode&^in.Umask, out)
	return status
}

// Create makes and opens a file.
func (f *files) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n, status := f.add(in.NodeId, name, syscall.S_IFREG|in.Mode&^in.Umask, &out.EntryOut)
	if status.Ok() {
		out.Fh, out.OpenFlags = f.opened(n, in.Flags), fuse.FOPEN_DIRECT_IO
	}
	return status
}

// Open opens a file.
func (f *files) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, leave := f.enter(in.NodeId)
	defer leave()
	out.Fh, out.OpenFlags = f.opened(n, in.Flags), fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (f *files) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, leave := f.enter(in.NodeId)
	defer leave()
	if err := f.d.failed(f.d.fault.Read); err != 0 {
		return nil, status(err)
	}
	from := min(in.Offset, uint64(len(n.data)))
	return fuse.ReadResultData(buf[:copy(buf, n.data[from:])]), fuse.OK
}

func (f *files) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n, leave := f.enter(in.NodeId)
	defer leave()
	if in.Offset > math.MaxInt32 {
		return 0, fuse.Status(syscall.EFBIG)
	}
	if status := f.failing(); !status.Ok() {
		return 0, status
	}
	f.d.write(n, int(in.Offset), data)
	if h := f.open[in.Fh]; h.synced {
		if status := f.sync(h); !status.Ok() {
			return 0, status
		}
	}
	return uint32(len(data)), fuse.OK //nolint:gosec // MaxWrite bounds it
}

// status returns the error as the protocol has it.
func status(err syscall.Errno) fuse.Status {
	return fuse.Status(err) //nolint:gosec // error numbers are small
}

func (f *files) sync(h *handle) fuse.Status {
	var err syscall.Errno
	h.failures, err = f.d.sync(h.n, h.failures)
	return status(err)
}

// failing returns why nothing can be changed; OK: it can.
func (f *files) failing() fuse.Status { return status(f.d.failed(f.d.fault.Write)) }

// Fsync brings a file to the disk.
func (f *files) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.sync(f.open[in.Fh])
}

// FsyncDir brings a directory to the disk.
func (f *files) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return f.Fsync(cancel, in)
}

// Flush does nothing: closing syncs nothing.
func (f *files) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Release closes a file.
func (f *files) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { f.ReleaseDir(in) }

// ReleaseDir closes a directory.
func (f *files) ReleaseDir(in *fuse.ReleaseIn) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	delete(f.open, in.Fh)
}

// remove takes a name out of a directory.
func (f *files) remove(parent uint64, name string, isDir bool) fuse.Status {
	dir, leave := f.enter(parent)
	defer leave()
	if status := f.failing(); !status.Ok() {
		return status
	}
	n := dir.seen[name]
	switch {
	case n == nil:
		return fuse.ENOENT
	case n.isDir() != isDir:
		return fuse.Status(syscall.EPERM)
	case len(n.seen) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	n.links--
	f.d.enter(dir, name, nil)
	return fuse.OK
}

// Unlink removes the name of a file.
func (f *files) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.remove(in.NodeId, name, false)
}

// Rmdir removes a directory.
func (f *files) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.remove(in.NodeId, name, true)
}

// Rename gives a node another name.
func (f *files) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if in.Flags != 0 {
		return fuse.EINVAL
	}
	if status := f.failing(); !status.Ok() {
		return status
	}
	return status(f.d.rename(f.d.nodes[in.NodeId], f.d.nodes[in.Newdir], oldName, newName))
}

// Link gives a file one more name.
func (f *files) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, leave := f.enter(in.NodeId)
	defer leave()
	if status := f.failing(); !status.Ok() {
		return status
	}
	if dir.seen[name] != nil {
		return fuse.Status(syscall.EEXIST)
	}
	n := f.d.nodes[in.Oldnodeid]
	n.links++
	f.d.enter(dir, name, n)
	n.entry(out)
	return fuse.OK
}

// OpenDir opens a directory as it is now.
func (f *files) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, leave := f.enter(in.NodeId)
	defer leave()
	out.Fh = f.opened(n, in.Flags)
	list := make([]fuse.DirEntry, 0, len(n.seen)+2)
	list = append(list, fuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR}, fuse.DirEntry{Name: "..", Mode: syscall.S_IFDIR})
	for _, name := range slices.Sorted(maps.Keys(n.seen)) {
		list = append(list, fuse.DirEntry{Name: name, Mode: n.seen[name].mode, Ino: n.seen[name].number})
	}
	f.open[out.Fh].list = list
	return fuse.OK
}

// ReadDir lists an open directory.
func (f *files) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	list := f.open[in.Fh].list
	for i := int(in.Offset); i < len(list); i++ { //nolint:gosec // an offset is one that was given
		list[i].Off = uint64(i) + 1 //nolint:gosec // an index is not negative
		if !out.AddDirEntry(list[i]) {
			break
		}
	}
	return fuse.OK
}

// StatFs shows a disk of 64 GiB that stays empty.
func (f *files) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const blocks = 64 << 30 / pageSize
	*out = fuse.StatfsOut{Blocks: blocks, Bfree: blocks, Bavail: blocks, Files: 1 << 20, Ffree: 1 << 20, Bsize: pageSize, Frsize: pageSize, NameLen: 255}
	return fuse.OK
}
