/** Installs pact-js and Pact JVM where they are not there yet, and prints the folders of both as JSON: for the benchmark beside them. */
import { pact } from './installed.ts'

for (const judge of [pact.js, pact.jvm]) {
  const said = judge.there() ? 'installed' : judge.install()
  if (said !== 'installed') throw new Error(`Cannot use ${judge.name}: it ${said}`)
}
console.log(JSON.stringify({ js: pact.js.folder, jvm: pact.jvm.folder }))
