import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { secretOf, signatureOf, verifyWebhook } from './signature.ts'

const bytes = fc.uint8Array({ minLength: 24, maxLength: 64 })
const id = fc.stringMatching(/^[\w-]{1,40}$/)
const headersOf = (id: string, timestamp: number, signature: string) => ({
  'webhook-id': id,
  'webhook-timestamp': String(timestamp),
  'webhook-signature': signature,
})

test('what was signed is verified, among other signatures and with an older secret too; whatever was changed is not', () => {
  fc.assert(
    fc.property(bytes, bytes, id, fc.string(), fc.integer({ min: 0, max: 4e9 }), (one, two, id, body, timestamp) => {
      const [secret, other] = [secretOf(one), secretOf(two)]
      const signature = signatureOf(secret, { id, timestamp, body })
      const headers = headersOf(id, timestamp, `v1,bm9uZQ== ${signature}`)
      const given = { secret, headers, body: Buffer.from(body), now: timestamp * 1_000 }
      assert.deepEqual(verifyWebhook(given), { ok: true, id })
      assert.ok(verifyWebhook({ ...given, secret: [other, secret] }).ok)
      const changed = [
        { ...given, body: `${body} ` },
        { ...given, headers: headersOf(`${id}x`, timestamp, signature) },
        { ...given, headers: headersOf(id, timestamp + 1, signature) },
        { ...given, headers: headersOf(id, timestamp, signature.slice(0, -4)) },
        ...(secret === other ? [] : [{ ...given, secret: other }]),
      ]
      for (const each of changed) assert.ok(!verifyWebhook(each).ok)
    }),
    { numRuns: 100 },
  )
})

test('one that is old, of the future or without its headers is refused, saying why; a secret that is none is an error', () => {
  const secret = secretOf(new Uint8Array(32))
  const signature = signatureOf(secret, { id: 'a', timestamp: 1_000, body: '' })
  const why = (headers: Record<string, string>, seconds: number) => {
    const verified = verifyWebhook({ secret, headers, body: '', now: seconds * 1_000 })
    return verified.ok ? 'ok' : verified.why
  }
  const headers = headersOf('a', 1_000, signature)
  assert.deepEqual([why(headers, 1_299), why(headers, 701)], ['ok', 'ok'])
  assert.match(why(headers, 1_301), /more than 300 s/)
  assert.match(why(headers, 699), /more than 300 s/)
  assert.match(why({}, 1_000), /has no webhook-id/)
  assert.match(why({ ...headers, 'webhook-timestamp': '1e3' }, 1_000), /no number of seconds/)
  assert.throws(() => verifyWebhook({ secret: '', headers, body: '', now: 0 }), /begins with whsec_/)
})
