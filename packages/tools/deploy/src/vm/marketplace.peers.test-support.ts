/**
 * `npm run peers -- marketplace-vm`: the marketplace from its image, by systemd in a virtual machine, under the benchmark's workload from outside,
 * and killed once; then its invariants. Its payment provider is on this host. Minutes; root. A line for each check.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import type { System } from 'dure/service'
import { describeRelease } from '../deploy.ts'
import { openMachines } from './machine.test-support.ts'

const marketplace = join(import.meta.dirname, '../../../../../examples/marketplace')
type Client = (contract: { readonly name: string }) => object
type Seed = (host: { readonly client: Client }, what: object, how: object) => Promise<void>
type Provider = (options: object) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>
const { default: system } = (await import(join(marketplace, 'system.ts'))) as { readonly default: System }
const { seedData } = (await import(join(marketplace, 'data/seed.ts'))) as { readonly seedData: Seed }
const { startProviderProcess } = (await import(join(marketplace, 'provider/child.ts'))) as {
  readonly startProviderProcess: Provider
}
/** How the machine sees the host that it is on. */
const HOST = '10.0.2.2'

const folder = mkdtempSync(join(tmpdir(), 'dure-marketplace-vm-'))
const provider = await startProviderProcess({ file: join(folder, 'charges.sqlite'), seed: 1, warn: console.error })
const { target, digest, url, ready, inside, close } = await openMachines({ folder: marketplace }, { memory: 1_024 })
const release = describeRelease(system, { version: '1.0.0', image: { digest } })

await check('the marketplace starts in a virtual machine, and systemd says that it is ready', async () => {
  const began = performance.now()
  const settings = { PAYMENT_PROVIDER_URL: provider.url.replace('127.0.0.1', HOST) }
  await target.apply({ release, copies: 1, settings })
  await ready(release)
  await target.shift({ [release.digest]: 100 })
  assert.equal(await inside(release, 'systemctl is-active dure.service'), 'active')
  console.log(`  ready after ${((performance.now() - began) / 1_000).toFixed(0)} s`)
})

await check('it is filled through its door', async () => {
  const client: Client = ({ name }) => {
    const put = async (body: unknown): Promise<void> => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${url}/${name}/batch`, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.equal(answer.status, 201, await answer.text())
    }
    return { putAll: put, addAll: put }
  }
  await seedData(
    { client },
    { products: 50, customers: 50, seed: 1 },
    { progress: () => {}, signal: AbortSignal.timeout(300_000) },
  )
})

/** The workload from outside, and its invariants after. @param during what happens meanwhile */
async function held(seconds: number, during: () => Promise<unknown> = async () => {}): Promise<string> {
  const file = join(folder, 'workload.json')
  const words = ['--url', url, '--seconds', String(seconds), '--concurrency', '4', '--quiet', '600', '--json', file]
  const program = join(marketplace, 'workload/main.ts')
  const child = spawn(process.execPath, ['--conditions=dure-source', program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (text) => (said = (said + String(text)).slice(-4_000)))
  const closed = once(child, 'close') as Promise<[number | null]>
  await during()
  const [code] = await closed
  assert.equal(code, 0, said)
  const { invariants } = JSON.parse(readFileSync(file, 'utf8')) as { readonly invariants: readonly { readonly ok: boolean }[] }
  assert.deepEqual([invariants.filter(({ ok }) => ok).length, invariants.length], [23, 23])
  return said
}

await check('the workload runs from outside, and 23 of 23 invariants hold', async () => {
  console.log(`  ${(await held(30)).split('\n').slice(0, 8).join('\n  ')}`)
})

await check('killed under the workload, it comes back by itself, and 23 of 23 invariants hold', async () => {
  await held(30, () => inside(release, 'sleep 5; kill -9 $(systemctl show -P MainPID dure.service)'))
  assert.equal(await inside(release, 'systemctl show -P NRestarts dure.service'), '1')
})

await close()
await provider.stop()
rmSync(folder, { recursive: true, force: true })
