// Checks an AsyncAPI document with AsyncAPI's own parser: node check.js FILE
//
// A fault that is planted must be found, too: a parser that finds nothing proves nothing.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { AvroSchemaParser } from "@asyncapi/avro-schema-parser";

const WARNING = 1;
const PLANTED = [
  ["a channel that does not exist", /(#\/channels\/)otp-lifecycle"/g, '$1nowhere"'],
  ["an operation that neither sends nor receives", /action: receive/, "action: answer"],
  ["an Avro type that does not exist", /logicalType: uuid/, "type: nothing"],
  ["a security scheme that does not exist", /type: scramSha512/, "type: secret"],
];

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());

async function faults(text) {
  const { document, diagnostics } = await parser.parse(text);
  const found = diagnostics.filter((it) => it.severity <= WARNING).map((it) => `${it.path.join(".")}: ${it.message}`);
  return { document, found };
}

const text = readFileSync(process.argv[2], "utf8");
const { document, found } = await faults(text);
if (document === undefined || found.length > 0) {
  console.error(`the document is not valid:\n${found.join("\n")}`);
  process.exit(1);
}
for (const [what, pattern, replacement] of PLANTED) {
  const changed = text.replace(pattern, replacement);
  if (changed === text) {
    console.error(`the document has no place for a planted fault: ${what}`);
    process.exit(1);
  }
  if ((await faults(changed)).found.length === 0) {
    console.error(`a planted fault was not found: ${what}`);
    process.exit(1);
  }
}
const counts = ["channels", "operations", "messages"].map((part) => `${document[part]().all().length} ${part}`);
console.log(`valid: ${counts.join(", ")}; ${PLANTED.length} planted faults found`);
