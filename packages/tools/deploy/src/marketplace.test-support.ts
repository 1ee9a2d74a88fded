/** The marketplace of the examples, from outside: filled through its door, under the benchmark's workload, and held to its invariants. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { System } from 'dure/service'

export const MARKETPLACE: string = join(import.meta.dirname, '../../../../examples/marketplace')
export const { default: marketplace } = (await import(join(MARKETPLACE, 'system.ts'))) as { readonly default: System }

type Client = (contract: { readonly name: string }) => object
type Seed = (host: { readonly client: Client }, what: object, how: object) => Promise<void>

/** @param count of products, and of customers */
export async function fill(url: string, count: number): Promise<void> {
  const { seedData } = (await import(join(MARKETPLACE, 'data/seed.ts'))) as { readonly seedData: Seed }
  const client: Client = ({ name }) => {
    const put = async (body: unknown): Promise<void> => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${url}/${name}/batch`, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.equal(answer.status, 201, await answer.text())
    }
    return { putAll: put, addAll: put }
  }
  const how = { progress: () => {}, signal: AbortSignal.timeout(300_000) }
  await seedData({ client }, { products: count, customers: count, seed: 1 }, how)
}

type Report = {
  readonly transactions: Readonly<Record<string, { readonly count: number }>>
  readonly invariants: readonly { readonly ok: boolean }[]
}

/**
 * Has the workload run, something happen under it, and every invariant held to what is there when all is quiet; answers how many
 * transactions have ended.
 */
export async function holds(
  url: string,
  { words, during }: { readonly words: readonly string[]; readonly during?: () => Promise<unknown> },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-workload-'))
  try {
    const file = join(folder, 'workload.json')
    const all = ['--url', url, '--quiet', '600', '--json', file, ...words]
    const program = ['--conditions=dure-source', join(MARKETPLACE, 'workload/main.ts')]
    const child = spawn(process.execPath, [...program, ...all], { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'close') as Promise<[number | null]>
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said = (said + String(text)).slice(-4_000)))
    await during?.()
    const [code] = await ended
    assert.equal(code, 0, said)
    const { invariants, transactions } = JSON.parse(readFileSync(file, 'utf8')) as Report
    assert.deepEqual([invariants.filter(({ ok }) => ok).length, invariants.length], [23, 23])
    return Object.values(transactions).reduce((sum, { count }) => sum + count, 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
