import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpProvider, ProviderError } from '../services/payment/adapters/http-provider.ts'
import type { Charge, Outcome } from '../services/payment/domain/provider.ts'
import { startProviderProcess } from './child.ts'
import { decision, moods, RELIABLE, UNRELIABLE } from './moods.ts'
import { startProvider } from './provider.ts'

const charge = (key: string, more: Partial<Charge> = {}): Charge => ({
  key,
  customerId: 1,
  amount: 1234,
  method: 'BOLETO',
  installments: 0,
  card: undefined,
  ...more,
})
const { signal } = new AbortController()

async function withFolder(work: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'provider-'))
  try {
    await work(join(folder, 'charges.sqlite'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Asks until there is an answer, as the payment service does by its messages. */
async function insist(ask: () => Promise<Outcome>): Promise<Outcome> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      assert.ok(error instanceof ProviderError)
    }
  }
}

test('every invoice is charged once, whatever breaks on the way', () =>
  withFolder(async (file) => {
    const unreliability = { latency: 0, resetsBefore: 0.2, resetsAfter: 0.3, refusals: 0.2 }
    const server = await startProvider({ file, unreliability })
    const provider = httpProvider({ url: server.url })
    const keys = Array.from({ length: 50 }, (_, i) => `invoice-${i}`)
    await Promise.all(keys.map((key) => insist(() => provider.charge(charge(key), { signal }))))
    const { charges, repeats, amount, succeeded } = server.totals()
    assert.equal(charges, 50)
    assert.equal(amount, succeeded * 1234)
    assert.ok(repeats > 0, 'some answers were lost after the charge')
    await provider.close()
    await server.stop()
  }))

test('a key that was used for another charge is refused', () =>
  withFolder(async (file) => {
    const server = await startProvider({ file, unreliability: RELIABLE })
    const provider = httpProvider({ url: server.url })
    await provider.charge(charge('a'), { signal })
    await assert.rejects(provider.charge(charge('a', { amount: 1 }), { signal }), /422/)
    await provider.forget()
    assert.deepEqual(await provider.charge(charge('a', { amount: 1 }), { signal }), { status: 'succeeded' })
    await provider.close()
    await server.stop()
  }))

test('a provider that is killed comes back at its address with its books', () =>
  withFolder(async (file) => {
    const child = await startProviderProcess({ file, seed: 1, warn: () => {} })
    const provider = httpProvider({ url: child.url })
    const keys = Array.from({ length: 20 }, (_, i) => `invoice-${i}`)
    const ask = (): Promise<Outcome[]> => Promise.all(keys.map((key) => insist(() => provider.charge(charge(key), { signal }))))
    const before = await ask()
    child.kill()
    assert.deepEqual(await ask(), before)
    const totals = (await (await fetch(`${child.url}/totals`)).json()) as { charges: number }
    assert.equal(totals.charges, 20)
    await provider.close()
    await child.stop()
  }))

test('which invoices are declined is settled by their numbers', () => {
  const keys = Array.from({ length: 2_000 }, (_, i) => `${i}-20260101-1`)
  const declined = keys.filter((key) => decision(UNRELIABLE, key).status === 'declined')
  assert.deepEqual(
    keys.filter((key) => decision(UNRELIABLE, key).status === 'declined'),
    declined,
  )
  assert.ok(declined.length > 20 && declined.length < 120, `${declined.length} of 2,000`)
})

test('one seed gives one sequence of moods', () => {
  const [a, b] = [moods(UNRELIABLE), moods(UNRELIABLE)]
  const first = Array.from({ length: 500 }, a)
  assert.deepEqual(Array.from({ length: 500 }, b), first)
  assert.ok(first.some(({ trouble }) => trouble !== 'none'))
})
