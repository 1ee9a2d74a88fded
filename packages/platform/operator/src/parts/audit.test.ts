import assert from 'node:assert/strict'
import { createHash, webcrypto } from 'node:crypto'
import { test } from 'node:test'
import { shop } from '../office.test-support.ts'
import { desk } from '../operator.test-support.ts'
import { operatorParts } from '../operator.ts'

type Raw = {
  readonly verifier: string
  readonly lines: readonly { readonly seq: number; readonly entry: string; readonly hash: string }[]
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[]
  readonly personal: readonly { readonly seq: number; readonly name: string; readonly salt: string; readonly value: string }[]
}

test('a stranger checks the audit from what is kept, with nothing but WebCrypto', async (t) => {
  const { ask } = await desk(t, { ...shop(), parts: operatorParts })
  for (const n of [1, 2])
    await ask('topics', 'publish', { event: 'cart.filled', data: { cartId: 'c', count: n } }, { reason: `No. ${n}` })
  const size = async (): Promise<number> => (await ask<{ logs: { size: number }[] }>('audit', 'logs')).logs[0]!.size
  while ((await size()) < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  const { verifier, lines, checkpoints, personal } = await ask<Raw>('audit', 'raw')
  assert.deepEqual([lines.length, checkpoints.length, personal.length], [4, 4, 4])
  // `name+id+key`: a plus may be in the key as well.
  const [, key] = /^[^+]+\+[^+]+\+(.+)$/.exec(verifier)!
  const raw = Buffer.from(key!, 'base64').subarray(1)
  const signer = await webcrypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify'])
  const leaves: Buffer[] = []
  for (const [at, { entry, hash }] of lines.entries()) {
    leaves.push(sha256(Buffer.of(0), Buffer.from(entry)))
    assert.equal(leaves[at]!.toString('base64'), hash)
    const [text, signature] = checkpoints[at]!.note.split('\n\n') as [string, string]
    const signed = Buffer.from(signature.trim().split(' ').at(-1)!, 'base64').subarray(4)
    assert.ok(await webcrypto.subtle.verify('Ed25519', signer, signed, Buffer.from(`${text}\n`)))
    assert.deepEqual(text.split('\n').slice(1, 3), [String(at + 1), rootOf(leaves).toString('base64')])
  }
  assert.deepEqual(await ask('audit', 'verify'), { ok: true, size: 4, checkpoint: checkpoints.at(-1)!.note })
  assert.equal((await ask<Raw>('audit', 'raw', { after: 2, limit: 5 })).lines[0]!.seq, 3)
})

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** RFC 6962, section 2.1. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)))
}
