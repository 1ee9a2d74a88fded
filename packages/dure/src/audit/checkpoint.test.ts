import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { auditLog, openCheckpoint } from './audit.ts'
import { createSigner } from './checkpoint.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const signer = createSigner('shop.example/log', privateKey)
const checkpoint = { origin: 'shop.example/log', size: 12, root: Buffer.alloc(32, 7) }

test('a checkpoint is read by whoever has the verifier, and by nobody when anything in it was changed', () => {
  const note = signer.sign(checkpoint)
  assert.deepEqual(openCheckpoint(note, signer.verifier), checkpoint)
  // What witnesses sign too is no harm.
  assert.deepEqual(openCheckpoint(`${note}\u2014 witness AAAAAAAA\n`, signer.verifier), checkpoint)
  for (let at = 0; at < note.length - 1; at++)
    for (const letter of 'AB/=-\n ')
      if (note[at] !== letter)
        assert.equal(openCheckpoint(`${note.slice(0, at)}${letter}${note.slice(at + 1)}`, signer.verifier), undefined, `${at}`)
  // The last letter of the signature has bits that no byte has.
  const last = note.lastIndexOf('=') - 1
  for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
    if (note[last] !== letter)
      assert.equal(openCheckpoint(`${note.slice(0, last)}${letter}${note.slice(last + 1)}`, signer.verifier), undefined, letter)
  const other = createSigner('shop.example/log', generateKeyPairSync('ed25519').privateKey)
  assert.equal(openCheckpoint(other.sign(checkpoint), signer.verifier), undefined)
  for (const text of ['', 'x', '\n\n\u2014 ', note.replaceAll('\n', '\r\n'), 'x'.repeat(100_000)])
    assert.equal(openCheckpoint(text, signer.verifier), undefined)
  for (const verifier of ['', 'shop.example/log', `${signer.verifier}AAAA`, signer.verifier.replace('+', ' ')])
    assert.equal(openCheckpoint(note, verifier), undefined)
})

test('names and keys that cannot be are refused, and the key is in no message', () => {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  assert.equal(auditLog('shop.example/log', { key: pem }).verifier, signer.verifier)
  for (const name of ['', ' ', 'a b', 'a+b', '/a', 'a/', 'x'.repeat(101)])
    assert.throws(() => auditLog(name, { key: pem }), TypeError)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const key of ['', 'secret words', rsa, pem.replace(/[A-Za-z]{6}/g, '!')]) {
    const refused = (error: Error): boolean =>
      error instanceof TypeError && !error.message.includes('secret') && error.cause === undefined
    assert.throws(() => auditLog('log', { key }), refused)
  }
  assert.throws(() => auditLog('log', { key: generateKeyPairSync('ed25519').publicKey as never }), TypeError)
})
