/**
 * `npm run peers -- marketplace-vm`: the marketplace from its image, by systemd in a virtual machine, under the benchmark's workload from outside,
 * and killed once; then its invariants. Its payment provider is on this host. Minutes; root. A line for each check.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { describeRelease } from '../deploy.ts'
import { fill, holds, MARKETPLACE, marketplace } from '../marketplace.test-support.ts'
import { openMachines } from './machine.test-support.ts'

type Provider = (options: object) => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>
const { startProviderProcess } = (await import(join(MARKETPLACE, 'provider/child.ts'))) as {
  readonly startProviderProcess: Provider
}
/** How the machine sees the host that it is on. */
const HOST = '10.0.2.2'

const folder = mkdtempSync(join(tmpdir(), 'dure-marketplace-vm-'))
const provider = await startProviderProcess({ file: join(folder, 'charges.sqlite'), seed: 1, warn: console.error })
const { target, digest, url, ready, inside, close } = await openMachines({ folder: MARKETPLACE }, { memory: 1_024 })
const release = describeRelease(marketplace, { version: '1.0.0', image: { digest } })

await check('the marketplace starts in a virtual machine, and systemd says that it is ready', async () => {
  const began = performance.now()
  const settings = { PAYMENT_PROVIDER_URL: provider.url.replace('127.0.0.1', HOST) }
  await target.apply({ release, copies: 1, settings })
  await ready(release)
  await target.shift({ [release.digest]: 100 })
  assert.equal(await inside(release, 'systemctl is-active dure.service'), 'active')
  console.log(`  ready after ${((performance.now() - began) / 1_000).toFixed(0)} s`)
})

await check('it is filled through its door', () => fill(url, 50))

const words = ['--seconds', '30', '--concurrency', '4']

await check('the workload runs from outside, and 23 of 23 invariants hold', async () => {
  console.log(`  ${await holds(url, { words })} transactions`)
})

await check('killed under the workload, it comes back by itself, and 23 of 23 invariants hold', async () => {
  const during = (): Promise<string> => inside(release, 'sleep 5; kill -9 $(systemctl show -P MainPID dure.service)')
  console.log(`  ${await holds(url, { words, during })} transactions`)
  assert.equal(await inside(release, 'systemctl show -P NRestarts dure.service'), '1')
})

await close()
await provider.stop()
rmSync(folder, { recursive: true, force: true })
