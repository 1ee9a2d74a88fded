import assert from 'node:assert/strict'
import { generateKeyPairSync, KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign, generateKeyPair, type CryptoKey } from 'jose'
import { ALGORITHMS } from './options.ts'
import { verifierOf } from './signature.ts'

/** The same key as node:crypto has it. */
const keyOf = (key: CryptoKey): KeyObject => KeyObject.from(key as never)

test('signatures of jose are verified with each algorithm, and none that was changed or is of another key', async () => {
  for (const algorithm of ALGORITHMS) {
    const [own, other] = [await generateKeyPair(algorithm), await generateKeyPair(algorithm)]
    const token = await new CompactSign(Buffer.from('{"sub":"ana"}')).setProtectedHeader({ alg: algorithm }).sign(own.privateKey)
    const at = token.lastIndexOf('.')
    const [signed, signature] = [token.slice(0, at), token.slice(at + 1)]
    const verifies = verifierOf(algorithm, keyOf(own.publicKey))!
    assert.equal(verifies(signed, signature), true, algorithm)
    assert.equal(verifierOf(algorithm, keyOf(other.publicKey))!(signed, signature), false, algorithm)
    assert.equal(verifies(`${signed}A`, signature), false, algorithm)
    const bytes = Buffer.from(signature, 'base64url')
    for (const place of [0, bytes.length >> 1, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[place] = changed[place]! ^ 0x10
      assert.equal(verifies(signed, changed.toString('base64url')), false, `${algorithm} at ${place}`)
    }
    for (const odd of [
      '',
      '=',
      `${signature}=`,
      ` ${signature}`,
      `${signature}A`,
      signature.slice(0, -4),
      'A'.repeat(signature.length),
    ])
      assert.equal(verifies(signed, odd), false, `${algorithm} "${odd.slice(0, 8)}"`)
  }
})

test('a key that is too short verifies nothing', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  assert.equal(verifierOf('RS256', publicKey), undefined)
})
