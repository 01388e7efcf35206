// Compares our renderings (JSON lines on standard input) with @huggingface/jinja's: node judge.mjs TEMPLATES CONVERSATIONS PACKAGE < ours.jsonl
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [templates, conversations, library] = process.argv.slice(2);
const { Template } = await import(join(library, "dist", "index.js"));
const cases = JSON.parse(readFileSync(conversations, "utf8"));
let passed = 0, failed = 0, refused = 0;
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const ours = JSON.parse(line);
    let text = null, error = null;
    try {
        const template = new Template(readFileSync(join(templates, ours.template), "utf8"));
        text = template.render({ bos_token: "<s>", eos_token: "</s>", ...cases[ours.conversation] });
    } catch (e) {
        error = e.message;
    }
    // Both render the same, or both refuse; what a refusal says is each one's own.
    if (text === ours.text && (error === null) === (ours.error === null)) {
        passed++;
        refused += error === null ? 0 : 1;
    } else {
        failed++;
        console.log(`${ours.template}, conversation ${ours.conversation}:`);
        console.log(`  theirs ${JSON.stringify(text ?? { error })}\n  ours   ${JSON.stringify(ours.text ?? { error: ours.error })}`);
    }
}
console.log(`renderings: ${refused} refused by both`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
