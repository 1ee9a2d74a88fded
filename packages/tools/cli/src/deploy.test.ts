import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

/** A target in a file: its releases have one copy that is ready, unless their version says otherwise. */
const DEPLOY = `
import { readFileSync, writeFileSync, existsSync } from 'node:fs'
const target = (file) => {
  const read = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [])
  const change = (how) => writeFileSync(file, JSON.stringify(how(read())))
  const put = (digest, more) => change((all) => all.map((one) => (one.release.digest === digest ? { ...one, ...more } : one)))
  const shift = async (shares) => change((all) => all.map((one) => ({ ...one, share: shares[one.release.digest] ?? 0 })))
  return {
    name: 'file',
    plan: async () => ({ changes: [], refused: [] }),
    apply: async ({ release, copies }) => change((all) => [...all.filter((one) => one.release.digest !== release.digest), { release, copies, share: 0 }]),
    health: async (digest) => {
      const { release } = read().find((one) => one.release.digest === digest)
      return { copies: [release.version === '3' ? { name: 'a', state: 'ended', restarts: 0, reason: 'it crashed' } : { name: 'a', state: 'ready', restarts: 0 }] }
    },
    shift,
    scale: async (digest, copies) => put(digest, { copies }),
    rollBack: async (digest) => {
      put(digest, { copies: 1 })
      await shift({ [digest]: 100 })
    },
    list: async () => read(),
  }
}
const environment = (name) => ({ name, target: target(import.meta.dirname + '/' + name + '.json'), directory: 'platform-' + name, watch: 1 })
export const production = environment('production')
export const staging = { ...environment('staging'), secrets: { PASSWORD: process.env.NOBODY_SETS_THIS } }
`

const SYSTEM = `
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
const prices = service(contract('prices', { version: '1.0.0', owner: 't', operations: { all: query({}) } }), { handlers: { all() {} } })
export default system('shop', { services: [prices] })
`

test('dure deploy, releases, rollback, promote, scale: what runs where, and who brought it', async () => {
  const cwd = temporary()
  linkLibrary(cwd)
  const run = (...words: readonly string[]): ReturnType<typeof dure> => dure(words, { cwd, stop: new Promise(() => {}) })
  const none = await run('deploy', '--to', 'production')
  assert.deepEqual([none.code, /no such file; export where releases run/.test(none.err)], [2, true], none.err)
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(cwd, 'deploy.ts'), DEPLOY)
  writeFileSync(join(cwd, 'system.ts'), SYSTEM)
  for (const version of ['1', '2', '3']) {
    const image = `sha256:${version.repeat(64)}`
    const written = await run('release', 'write', '--version', version, '--image', image, '--out', `${version}.json`)
    assert.equal(written.code, 0, written.err)
  }
  const first = await run('deploy', '1.json', '--to', 'production', '--by', 'ana')
  assert.equal(first.code, 0, first.err + first.out)
  assert.match(first.out, /check +done\n.*start +begun\n[^]*shift 100 +done\n[^]*has all calls in production\n$/)
  assert.equal((await run('deploy', '2.json', '--to', 'production')).code, 0)
  const bad = await run('deploy', '3.json', '--to', 'production')
  assert.equal(bad.code, 1)
  assert.match(bad.out, /roll back +done +copy a has ended: it crashed\n.* was rolled back\n {2}copy a has ended: it crashed\n$/)
  assert.match((await run('deploy', '--watch', '--to', 'production')).out, /roll back +done.*\n.* 3 rolled back\n$/)
  const { out } = await run('releases', '--in', 'production')
  assert.match(
    out,
    /^1 +0 copies +0 %\n2 +1 copies +100 %\n3 .*\n\n.* 3 {2}rolled back {2}by \S+\n.* 2 {2}done .*\n.* 1 {2}done {2}by ana\n$/,
  )
  assert.match((await run('rollback', '--in', 'production')).out, /^shop 1 has all calls\n$/)
  const missing = await run('rollback', '9', '--in', 'production')
  assert.deepEqual([missing.code, /there is no "9"; there are 1, 2, 3/.test(missing.err)], [1, true], missing.err)
  const refused = await run('promote', '--from', 'production', '--to', 'staging')
  assert.equal(refused.code, 1)
  assert.match(refused.out, /shop 1 was refused\n {2}the secret "PASSWORD" is not there/)
  assert.match((await run('scale', '--in', 'production', '--copies', '1')).out, /^Copies in production: 1\n$/)
  assert.equal((await run('scale', '--in', 'production')).code, 2)
  const elsewhere = await run('releases', '--in', 'moon')
  assert.deepEqual([elsewhere.code, /it has "production", "staging"/.test(elsewhere.err)], [2, true], elsewhere.err)
})

test('dure ci: a pipeline for who runs it, of the same commands', async () => {
  for (const service of ['github', 'gitlab']) {
    const { code, out } = await dure(['ci', '--for', service])
    assert.equal(code, 0)
    for (const command of ['npx dure test', 'npx dure release write', 'npx dure deploy --to production'])
      assert.ok(out.includes(`- ${service === 'github' ? 'run: ' : ''}${command}`), command)
    // Each is there, with the flags that it is given.
    const commands = [...out.matchAll(/npx dure (\w+(?: (?:write|push|build))?)([^\n]*)/g)]
    for (const [, words = '', rest = ''] of commands) {
      const help = await dure([...words.split(' '), '--help'])
      assert.equal(help.code, 0, words)
      for (const [flag] of rest.split('$(')[0]!.matchAll(/--[a-z]+/g)) assert.ok(help.out.includes(flag), `${words} ${flag}`)
    }
    assert.equal(commands.length, 4)
  }
})
