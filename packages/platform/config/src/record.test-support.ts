/** Writes down what Spring's server answers: `node … record.test-support.ts JAR`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recorded } from './spring-answers.test-support.ts'
import { makeSpringRepository, workingCopy } from './spring-repository.test-support.ts'
import { springServer } from './spring-programs.test-support.ts'

const [jar = ''] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-config-record-'))
const [bare, working] = [join(folder, 'settings.git'), join(folder, 'working')]
mkdirSync(bare)
const { commit } = makeSpringRepository(bare)
workingCopy(bare, working)
const server = await springServer(jar, working)
try {
  const answers = await recorded(server.url, `file://${working}`, commit)
  writeFileSync(join(import.meta.dirname, 'spring-answers.json'), `${JSON.stringify(answers, undefined, 1)}\n`)
  console.log(`${answers.length} answers`)
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
