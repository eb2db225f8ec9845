// Package schemas holds the wire contract as documents: a JSON Schema 2020-12
// for every body, an AsyncAPI 3 document for the NATS subjects and an OpenAPI
// 3.1 document for the postback endpoint. They are embedded, so the binary can
// print them and a service endpoint can carry them in its metadata.
//
// It promises that
//
//   - the documents need nothing from outside: compiling them opens no file and
//     no connection;
//   - every schema has the name urn:devicebridge:schema:<name>:v1, which events
//     give as their dataschema, and which is its $id in what Load and Text return;
//   - the $id of a file is its own file name, so that a reference from one file to
//     another leads to the same schema for tools that open files and for those that
//     know schemas by their $id alone, wherever the files lie;
//   - the files compile where validators are strict: what is required is among the
//     properties, and a rule for objects stands where the type is object;
//   - no two schemas have one title, for code generators name types by it;
//   - the schemas of requests are closed, so that a misspelled member is told,
//     and those of records and replies are open, because later versions add
//     members;
//   - a fault names the members at fault and quotes nothing of the document.
//
// It knows no Go type of the bridge, and decides nothing: what a schema cannot
// say, such as which URIs a policy allows, is the bridge's business.
package schemas
