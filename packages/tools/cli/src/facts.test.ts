import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

const system = (version: string, operation: string): string => `
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
const Clock = contract('clock', { version: '${version}', owner: 'team-time', operations: { ${operation}: query({ output: z.date() }) } })
export default system('clocks', { services: [service(Clock, { handlers: { ${operation}: () => new Date() } })] })
`

test('the facts that can-i-deploy judges by are kept by commands, and what would leave a gap is refused', async () => {
  const cwd = temporary()
  linkLibrary(cwd)
  const run = (...words: readonly string[]) => dure(words, { cwd })
  const facts = join(cwd, 'facts')
  mkdirSync(facts)
  writeFileSync(join(cwd, 'one.mjs'), system('1.0.0', 'now'))
  writeFileSync(join(cwd, 'other.mjs'), system('1.0.0', 'today'))
  const early = await run('facts', 'deployed', 'clock@1.0.0', '--to', 'production')
  assert.deepEqual([early.code, /clock@1\.0\.0 runs in "production": nothing is kept of it/.test(early.err)], [1, true])
  assert.equal((await run('facts', 'release', './one.mjs')).out, 'Kept clock@1.0.0\n')
  assert.equal(
    (await run('facts', 'deployed', 'clock@1.0.0', '--to', 'production')).out,
    'Kept that clock@1.0.0 runs in production\n',
  )
  assert.equal((await run('facts', 'release', './one.mjs', 'clock')).code, 0)
  const changed = await run('facts', 'release', './other.mjs')
  assert.deepEqual([changed.code, /another one of this version runs in "production"/.test(changed.err)], [2, true])
  assert.equal((await run('facts', 'release', './one.mjs', 'nobody')).code, 2)

  // A page in a browser asks it, and its pact was not verified yet.
  const pact = {
    consumer: { name: 'page' },
    provider: { name: 'clock' },
    interactions: [],
    metadata: { pactSpecification: { version: '4.0' } },
  }
  writeFileSync(join(cwd, 'page.json'), JSON.stringify(pact))
  assert.equal((await run('facts', 'pacts', 'page@7', 'page.json')).out, 'Kept 1 pact of page@7\n')
  assert.equal((await run('facts', 'pacts', 'web@7', 'page.json')).code, 1)
  await run('facts', 'deployed', 'page@7', '--to', 'production')
  const ask = async (): Promise<string> => (await run('can-i-deploy', 'clock@1.0.0', '--to', 'production')).out.split(':')[0]!
  assert.equal(await ask(), 'Unknown')
  const { createHash } = await import('node:crypto')
  const sha256 = createHash('sha256')
    .update(readFileSync(join(cwd, 'page.json')))
    .digest('hex')
  const verification = {
    provider: 'clock',
    version: '1.0.0',
    ok: true,
    interactions: [],
    pacts: [{ file: 'page.json', sha256, consumer: 'page', ok: true }],
  }
  writeFileSync(join(cwd, 'report.json'), JSON.stringify(verification))
  assert.equal((await run('facts', 'verified', 'report.json')).out, 'Kept that clock@1.0.0 does what 1 pact expects\n')
  assert.equal(await ask(), 'Yes')
  writeFileSync(join(cwd, 'report.json'), JSON.stringify({ ...verification, pacts: [{}] }))
  assert.equal((await run('facts', 'verified', 'report.json')).code, 2)

  assert.match(
    (await run('facts', 'show')).out,
    /^production\n {2}clock@1\.0\.0\n {2}page@7\n1 release, pacts of 1 version, 1 verification\n$/,
  )
  assert.equal((await run('facts', 'deployed', 'page@8', '--to', 'production', '--gone')).code, 1)
  await run('facts', 'deployed', 'page@7', '--to', 'production', '--gone')
  assert.equal(readFileSync(join(facts, 'deployed.json'), 'utf8'), '{\n  "production": {\n    "clock": "1.0.0"\n  }\n}\n')
  writeFileSync(join(facts, 'deployed.json'), '{ "production": ["clock"] }')
  const misread = await run('facts', 'show')
  assert.deepEqual([misread.code, /does not say versions by service by environment/.test(misread.err)], [2, true])
})
