import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { all, shop } from './shop.test-support.ts'

const ALL = '{ ordersAll { id } }'
const PLACE = 'mutation Place($id: String!) { ordersPlace(id: $id, pieces: 1) }'
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const persisted = (text: string) => ({ persistedQuery: { version: 1, sha256Hash: hash(text) } })

test('only known documents are run, by their text or its hash, whichever way they come', async (t) => {
  const { url } = await shop(t, { door: { documents: [ALL, PLACE] } })
  const ask = async (body: object) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await response.json()) as { data?: object; errors?: { extensions: { code: string } }[] }
  }
  const get = async (words: Record<string, string>) => (await fetch(`${url}?${new URLSearchParams(words).toString()}`)).json()
  const four = { data: { ordersAll: ['0', '1', '2', '3'].map((id) => ({ id })) } }
  assert.deepEqual(await ask({ query: ALL }), four)
  assert.deepEqual(await ask({ documentId: `sha256:${hash(ALL)}` }), four)
  assert.deepEqual(await ask({ extensions: persisted(ALL) }), four)
  assert.deepEqual(await get({ extensions: JSON.stringify(persisted(ALL)) }), four)
  assert.deepEqual(await get({ documentId: hash(ALL) }), four)
  assert.deepEqual(await ask({ documentId: hash(PLACE), variables: { id: '7' } }), { data: { ordersPlace: '7 × 1' } })
  for (const asked of [{ documentId: hash('{ __typename }') }, { query: '{ __typename }' }, { query: `${ALL} ` }])
    assert.equal((await ask(asked)).errors?.[0]?.extensions.code, 'PERSISTED_QUERY_NOT_FOUND', JSON.stringify(asked))

  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
  t.after(() => client.dispose())
  assert.deepEqual(await all(client.iterate({ query: '', extensions: persisted(ALL) })), [four])
  const refused = await all(client.iterate({ query: '{ __typename }' })).catch((errors: unknown) => errors)
  assert.match(JSON.stringify(refused), /PERSISTED_QUERY_NOT_FOUND/)
})

test('a door without known documents says so, and one whose documents do not fit does not open', async (t) => {
  const { url } = await shop(t)
  const body = JSON.stringify({ extensions: persisted(ALL) })
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  assert.match(await response.text(), /PERSISTED_QUERY_NOT_SUPPORTED/)
  await assert.rejects(
    shop(t, { door: { documents: [ALL, '{ ordersGone }'] } }),
    /known document "\{ ordersGone \}": Cannot query field/,
  )
})
