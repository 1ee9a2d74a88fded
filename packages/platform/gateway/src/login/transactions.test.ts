import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from 'dure/runtime'
import { createTransactions } from './transactions.ts'

const client = { issuer: 'https://login.example', clientId: 'shop', clientSecret: 'a secret that is long enough', secure: true }
const MINUTES = 60_000
const pairOf = (cookie: string): string => cookie.split(';', 1)[0]!

test('only the browser that began a login has it, for ten minutes, and cannot change it', async () => {
  const runtime = virtualRuntime()
  const transactions = createTransactions({ ...client, runtime })
  // Another gateway of the same client.
  const other = createTransactions({ ...client, runtime })
  const { transaction, cookie } = transactions.begin('/orders?page=2')
  const pair = pairOf(cookie)
  assert.match(cookie, /^__Host-login[0-7]=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
  for (const secret of [transaction.nonce, transaction.verifier, 'orders']) assert.ok(!cookie.includes(secret))
  assert.deepEqual(other.find(`a=b; ${pair}`, transaction.state), transaction)

  const { state } = transaction
  const [name, value = ''] = pair.split('=')
  const changed = [...value].map((letter, i) => `${name}=${value.slice(0, i)}${letter === 'A' ? 'B' : 'A'}${value.slice(i + 1)}`)
  // The last character has bits that stand for nothing.
  for (const each of changed.slice(0, -1)) assert.equal(transactions.find(each, state), undefined)
  for (const each of [
    undefined,
    '',
    name!,
    `${name}=`,
    `${name}=!`,
    `${name}=${'A'.repeat(8_000)}`,
    `${pair}; ${pair}`,
    pair.slice(0, -8),
  ])
    assert.equal(transactions.find(each, state), undefined)
  for (const wrong of ['', `${state}x`, state.slice(1), '\u0000'.repeat(5)])
    assert.equal(transactions.find(pair, wrong), undefined)
  for (const stranger of [{ clientId: 'admin' }, { clientSecret: 'another secret' }, { issuer: 'https://other.example' }])
    assert.equal(createTransactions({ ...client, ...stranger, runtime }).find(pair, state), undefined)

  await runtime.advance(10 * MINUTES)
  assert.deepEqual(transactions.find(pair, state), transaction)
  await runtime.advance(1)
  assert.equal(transactions.find(pair, state), undefined)
})

test('ten thousand logins that nobody goes on with are nothing to the gateway, and eight cookies to their browser', () => {
  const transactions = createTransactions({ ...client, runtime: virtualRuntime() })
  const jar = new Map<string, string>()
  let last = transactions.begin('/')
  for (let i = 0; i < 10_000; i++) {
    const cookies = Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
    last = transactions.begin(`/${'a'.repeat(511)}`, i % 2 === 0 ? cookies : undefined)
    const [name = '', value = ''] = pairOf(last.cookie).split('=')
    jar.set(name, value)
  }
  const header = Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
  assert.equal(jar.size, 8)
  // Heads have 16 KiB.
  assert.ok(header.length < 8_192, `${header.length}`)
  assert.deepEqual(transactions.find(header, last.transaction.state), last.transaction)
  assert.deepEqual([...transactions.names].toSorted(), [...jar.keys()].toSorted())
  assert.match(transactions.remove(last.transaction.state), /^__Host-login[0-7]=; Max-Age=0; /)
})
