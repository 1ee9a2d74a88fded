/**
 * `npm run peers -- vm`: a release in virtual machines of Debian's packages, under QEMU without the processor's help. systemd starts, watches and
 * ends it: killed, hung, shut down under load, rolled back. Minutes; root. A line for each check.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import type { System } from 'dure/service'
import { until, words } from '../containers.test-support.ts'
import { describeRelease, type Release } from '../deploy.ts'
import { openMachines } from './machine.test-support.ts'

const example = join(import.meta.dirname, '../../../../../examples/first-service')
const { target, digest, url, copyOf, ready, inside, close } = await openMachines({ folder: example }, { watchdog: 30_000 })
const { default: notes } = (await import(join(example, 'system.ts'))) as { readonly default: System }
const releaseOf = (version: string): Release => describeRelease(notes, { version, image: { digest } })
const [one, two] = [releaseOf('1.0.0'), releaseOf('2.0.0')]
const unit = (release: Release, ...properties: readonly string[]): Promise<string> =>
  inside(release, `systemctl show dure.service --value ${properties.map((name) => `--property=${name}`).join(' ')}`)

const post = (text: string): Promise<number> =>
  fetch(`${url}/notes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text }) }).then(
    ({ status }) => status,
    () => 0,
  )
const counted = async (): Promise<number> => ((await (await fetch(`${url}/notes/count`)).json()) as { count: number }).count
let taken = 0
/** Posts from two callers until it is told to end. @returns how many were not taken; who is told 503 or nothing asks again */
function load(): () => Promise<number> {
  let open = true
  let refused = 0
  const callers = [1, 2].map(async () => {
    while (open)
      if ((await post('more')) === 200) taken++
      else refused++
  })
  return async () => {
    open = false
    await Promise.all(callers)
    return refused
  }
}
const restarts = async (): Promise<number> => Number(await unit(one, 'NRestarts'))

await check('a machine starts, is told by its seed, and its unit answers through the port of the host', async () => {
  const began = performance.now()
  await target.apply({ release: one, copies: 1, settings: { GREETING: 'hello' }, secrets: { PASSWORD: 'opens sesame' } })
  await ready(one)
  await target.shift({ [one.digest]: 100 })
  assert.equal(await post('one'), 200)
  taken++
  await until(async () => (await counted()) === taken)
  console.log(`  ready after ${((performance.now() - began) / 1_000).toFixed(0)} s`)
})

await check('systemd was told that it is ready, holds its socket, and has it as nobody', async () => {
  assert.deepEqual((await unit(one, 'Type', 'ActiveState', 'DynamicUser')).split('\n').toSorted(), ['active', 'notify', 'yes'])
  assert.equal(await inside(one, 'systemctl is-active dure-rest.socket'), 'active')
  const user = await inside(one, 'stat -c %U /proc/$(systemctl show -P MainPID dure.service)')
  assert.notEqual(user, 'root')
  // All of the machine, when all of it has started.
  assert.equal(await inside(one, 'systemctl is-system-running --wait'), 'running')
})

await check('its secret is a credential for it alone: in no property of the unit, and not on the console', async () => {
  assert.equal(await inside(one, 'cat /run/credentials/dure.service/env_PASSWORD'), 'opens sesame')
  assert.match(await inside(one, 'stat -c %a /etc/dure/environment/PASSWORD /run/credentials/dure.service'), /^600\n[57]00$/)
  assert.doesNotMatch(await inside(one, 'systemctl show dure.service'), /sesame/)
  assert.doesNotMatch(readFileSync(join(copyOf(one), 'console'), 'utf8'), /sesame/)
})

await check('systemd in the machine judges the unit as it does here', async () => {
  assert.match(await inside(one, 'systemd-analyze security --threshold=15 --no-pager dure.service | tail -1'), /OK/)
})

await check(
  'killed under load it comes back by itself: nobody is refused a connection, and what was answered is there',
  async () => {
    const end = load()
    await until(() => taken > 5)
    await inside(one, 'kill -9 $(systemctl show -P MainPID dure.service)')
    const before = taken
    await until(() => taken > before + 5)
    // Those whose connection was open when it was killed.
    assert.ok((await end()) <= 4)
    assert.equal(await restarts(), 1)
    await until(async () => (await counted()) >= taken)
  },
)

await check('hung it is killed, as it gives no sign of life, and comes back', async () => {
  await inside(one, 'kill -STOP $(systemctl show -P MainPID dure.service)')
  await until(async () => (await restarts()) === 2)
  await ready(one)
  assert.equal(await post('after it hung'), 200)
  taken++
})

await check(
  'told to end under load, it ends with 0 and loses nothing; the socket starts it for the next one who comes',
  async () => {
    const end = load()
    const before = taken
    await until(() => taken > before + 5)
    await inside(one, 'systemctl stop dure.service')
    await end()
    const [result, code] = (await unit(one, 'Result', 'ExecMainStatus')).split('\n').toSorted().toReversed()
    assert.deepEqual([result, code], ['success', '0'])
    assert.ok((await counted()) >= taken)
  },
)

await check(
  'a second release in a machine of its own takes the calls, and the first is shut down by its power button',
  async () => {
    await target.apply({ release: two, copies: 1 })
    await ready(two)
    await target.shift({ [two.digest]: 100 })
    // Their stores are their own.
    assert.equal(await counted(), 0)
    await target.scale(one.digest, 0)
    // Nothing is left to be mended on what it kept.
    assert.doesNotMatch(await words('dumpe2fs', '-h', join(copyOf(one), 'data.img')), /needs_recovery/)
  },
)

await check('rolled back, the release before has all that it had taken, and the other one has ended', async () => {
  await target.rollBack(one.digest)
  await until(async () => (await counted()) >= taken)
  const list = (await target.list()).map(({ release, copies, share }) => [release.version, copies, share])
  assert.deepEqual(list, [
    ['1.0.0', 1, 100],
    ['2.0.0', 0, 0],
  ])
})

await check('a machine that is cut off is said to have ended, and comes back with what it had answered', async () => {
  process.kill(Number(readFileSync(join(copyOf(one), 'pid'), 'utf8')), 'SIGKILL')
  await until(async () => (await target.health(one.digest)).copies[0]!.state === 'ended')
  await target.rollBack(one.digest)
  assert.ok((await counted()) >= taken)
})

await close()
