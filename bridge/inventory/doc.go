// Package inventory is the policy of the inventory feed: it reads the directory's
// devices by delta query and publishes what changed as events, so that the latest
// event of a device is its known state. It promises:
//
//   - From one cursor one page is published, by one replica: the events of a page
//     and the cursor behind it are stored together, and only where the cursor is
//     still the one that the page was read from. Who was overtaken, however late it
//     comes, publishes nothing.
//   - The events of a device are numbered 1, 2, 3… without gaps, and each tells a
//     change: a page that is read again publishes nothing again.
//   - When Graph has forgotten the cursor everything is read anew, and only what
//     differs from the known state is published.
//   - A device is called missing only at the end of a full read that this very
//     process saw from its beginning to its end. What is cut off begins again, and
//     one that ends without most of what is known is made once more before it is
//     believed.
//   - What is wrong with one device leaves out that device alone, and is told.
//   - When Graph asks to be left alone, or its pages do not end, no replica asks
//     until the pause is over: it stands in the cursor.
//
// It leaves out what a change is worth to whom: an order within a list counts as a
// difference, and every member that Graph gives counts. It knows Graph and NATS
// only through the small interfaces in ports.go.
package inventory
