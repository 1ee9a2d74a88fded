import { keepDeployment, keepRelease } from '@dure/testing/contracts'
import { contract, query } from 'dure/contract'
import { service, type Service } from 'dure/service'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { dure, temporary } from './shell.test-support.ts'

function clock(version: string, operation: string): Service {
  const Clock = contract('clock', { version, owner: 'team-time', operations: { [operation]: query({ output: z.date() }) } })
  return service(Clock, { handlers: { [operation]: () => new Date() } }) as Service
}

test('can-i-deploy says yes, no and unknown from the facts in a folder, and ends with 0 for yes alone', async () => {
  const cwd = temporary()
  const facts = join(cwd, 'facts')
  const now = clock('1.0.0', 'now')
  const Page = contract('page', { version: '3.0.0', owner: 'team-page', operations: {} })
  for (const one of [now, clock('2.0.0', 'today'), service(Page, { needs: { clock: now.contract }, handlers: {} }) as Service])
    keepRelease(facts, one)
  keepDeployment(facts, { service: 'page', version: '3.0.0', to: 'production' })
  const ask = (release: string, ...more: string[]): ReturnType<typeof dure> =>
    dure(['can-i-deploy', release, '--to', 'production', ...more], { cwd })
  assert.deepEqual(await ask('clock@1.0.0', '--because'), {
    code: 0,
    out: 'Yes: clock@1.0.0 can go to production.\n  fine page@3.0.0: clock@1.0.0 promises all that page@3.0.0 was built with\n',
    err: '',
  })
  const no = await ask('clock@2.0.0')
  assert.equal(no.code, 1)
  assert.match(
    no.out,
    /^No: clock@2\.0\.0 cannot go to production\.\n {2}breaks page@3\.0\.0 \[clock\.now\]: page@3\.0\.0 was built with/,
  )
  for (const line of no.out.split('\n')) assert.ok(line.length <= 80, line)
  const unknown = await ask('clock@9.0.0', '--json')
  const { ok, answer } = JSON.parse(unknown.out) as { ok: boolean; answer: string }
  assert.deepEqual([unknown.code, ok, answer], [1, false, 'unknown'])
  const misread = await ask('clock')
  assert.deepEqual(
    [misread.code, /"clock" is no version of a service; write one such as orders@1\.4\.0/.test(misread.err)],
    [2, true],
  )
  assert.equal((await ask('clock@1.0.0', '--facts', 'nowhere')).code, 2)
  writeFileSync(join(facts, 'deployed.json'), '{')
  assert.match((await ask('clock@1.0.0')).err, /Cannot read the facts in ".*deployed\.json": it is no JSON/)
})
