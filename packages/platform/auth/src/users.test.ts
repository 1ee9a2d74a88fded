import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { test } from 'node:test'
import { realRuntime } from 'dure/runtime'
import { networkOf } from './attempts.ts'
import { PASSWORD, started } from './auth.test-support.ts'
import { createPasswords } from './passwords.ts'

test('users are added once, found by their names however they are written, and listed in order', async (t) => {
  const { users } = await started(t)
  const ana = await users.add({ name: ' Ana', password: PASSWORD, roles: ['clerk', 'clerk'] })
  assert.deepEqual(await users.find('ＡＮＡ'), { ...ana, name: 'ana', roles: ['clerk'], disabled: false })
  await assert.rejects(users.add({ name: 'ANA ', password: PASSWORD }), { code: 'ALREADY_EXISTS' })
  await assert.rejects(users.add({ name: '', password: PASSWORD }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(users.add({ name: 'a\u0000b', password: PASSWORD }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(users.add({ name: 'bob', password: 'too short' }), {
    code: 'INVALID_ARGUMENT',
    message: /has 9 characters; give 15/,
  })
  await assert.rejects(users.add({ name: 'bob', password: PASSWORD, roles: ['a b'] }), { code: 'INVALID_ARGUMENT' })
  await users.add({ name: '보라', password: PASSWORD })
  await users.add({ name: 'bob', password: PASSWORD })
  assert.deepEqual(
    (await users.list()).map(({ name }) => name),
    ['ana', 'bob', '보라'],
  )
  assert.deepEqual(
    (await users.list({ after: 'ana', limit: 1 })).map(({ name }) => name),
    ['bob'],
  )
  await users.disable('bob')
  assert.equal((await users.find('bob'))?.disabled, true)
  await users.enable('bob')
  assert.equal((await users.find('bob'))?.disabled, false)
  await assert.rejects(users.changeRoles('eve', []), { code: 'NOT_FOUND' })
})

test('passwords are hashes of argon2id as the PHC writes them, and others are read by what they say', async () => {
  const passwords = createPasswords(realRuntime().random)
  const hash = await passwords.hash('e\u0301clair')
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.deepEqual(await passwords.verify('\u00e9clair', hash), { right: true, outdated: false })
  assert.deepEqual(await passwords.verify('eclair', hash), { right: false, outdated: false })
  assert.equal((await passwords.verify('eclair', undefined)).right, false)
  const nonce = Buffer.from('somesalt')
  const made = argon2Sync('argon2id', { message: 'old', nonce, parallelism: 1, tagLength: 16, memory: 64, passes: 1 })
  const bare = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
  const old = `$argon2id$v=19$m=64,t=1,p=1$${bare(nonce)}$${bare(made)}`
  assert.deepEqual(await passwords.verify('old', old), { right: true, outdated: true })
  // One that asks for the whole machine is nobody's.
  assert.equal((await passwords.verify('old', old.replace('m=64', 'm=99999999'))).right, false)
  for (const odd of ['', '$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA', 'plain'])
    assert.equal((await passwords.verify('x', odd)).right, false)
  // More than wait are told so, rather than kept.
  const many = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.verify('x', old)))
  const full = many.filter((each) => each.status === 'rejected')
  assert.equal(full.length, 80 - 2 - 64)
  assert.equal((full[0] as PromiseRejectedResult).reason.code, 'RESOURCE_EXHAUSTED')
})

test('an address of IPv6 stands for its network', () => {
  assert.equal(networkOf('10.1.2.3'), '10.1.2.3')
  assert.equal(networkOf('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(networkOf('2001:0db8:0:1::7'), '2001:db8:0:1')
  assert.equal(networkOf('2001:db8:0:1:9:9:9:9'), '2001:db8:0:1')
  assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0')
  assert.equal(networkOf('::1'), '0:0:0:0')
})
