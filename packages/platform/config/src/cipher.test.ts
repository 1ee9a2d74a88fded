import assert from 'node:assert/strict'
import { createCipheriv, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCipher, springDecrypt } from './cipher.ts'

/** What Spring's `/encrypt` answered for "mysecret 두레", its `encrypt.key` being "s3cret". */
const OF_SPRING = '{cipher}1214aff341775ccda8a18798da3265059eb9fefb5a496e144f42602cab46c031'

test('what Spring encrypted is decrypted, with its key and no other', () => {
  assert.deepEqual(springDecrypt('s3cret')(OF_SPRING), { text: 'mysecret 두레' })
  assert.match(springDecrypt('other')(OF_SPRING).why!, /with another key, or changed since/)
  assert.match(springDecrypt('s3cret', 'cafebabe')(OF_SPRING).why!, /another key/)
  assert.match(springDecrypt(undefined)(OF_SPRING).why!, /no key was given/)
  for (const text of ['', '00', 'abc', 'zz'.repeat(32), '{key:two}00', 'AQ==', '0'.repeat(32), `${'0'.repeat(64)}0`])
    assert.match(springDecrypt('s3cret')(`{cipher}${text}`).why!, /not encrypted as a key that both know encrypts/, text)
  assert.deepEqual([isCipher(OF_SPRING), isCipher('plain {cipher}'), isCipher(7), isCipher(null)], [true, false, false, false])
})

test('whatever is encrypted so is decrypted, and no reason has a part of it', () => {
  const decrypt = springDecrypt('a key')
  const key = pbkdf2Sync('a key', Buffer.from('deadbeef', 'hex'), 1_024, 32, 'sha1')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array({ minLength: 16, maxLength: 16 }), (text, iv) => {
      const cipher = createCipheriv('aes-256-cbc', key, iv)
      const value = `{cipher}${Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()]).toString('hex')}`
      // What no text can say is no text.
      assert.deepEqual(decrypt(value), { text: text.toWellFormed() })
    }),
    { numRuns: 50 },
  )
})
