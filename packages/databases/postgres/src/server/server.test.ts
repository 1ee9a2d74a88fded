import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { missing15, testServer, VERSIONS } from '../server.test-support.ts'
import { startServer } from './server.ts'

const ask = async (url: string, ...statements: readonly string[]): Promise<unknown> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    let answer: unknown
    for (const sql of statements) answer = Object.values(((await client.query(sql)).rows[0] as object | undefined) ?? {})[0]
    return answer
  } finally {
    await client.end()
  }
}

for (const version of VERSIONS) {
  describe(`a PostgreSQL ${version} of one's own`, { skip: version === 15 && missing15 }, () => {
    test('is stopped, killed and started again with what was committed', async () => {
      const server = await testServer({ version, settings: { wal_level: 'logical' } })
      const { port } = server
      assert.equal(Math.floor(Number(await ask(server.url(), 'SHOW server_version_num')) / 10_000), version)
      assert.equal(await ask(server.url(), 'SHOW wal_level'), 'logical')
      await ask(server.url(), 'CREATE TABLE kept (n int)', 'INSERT INTO kept VALUES (1)')
      await server.stop()
      await assert.rejects(ask(server.url(), 'SELECT 1'), { code: 'ECONNREFUSED' })
      await server.start()
      await ask(server.url(), 'INSERT INTO kept VALUES (2)')
      await server.crash()
      await assert.rejects(ask(server.url(), 'SELECT 1'), { code: 'ECONNREFUSED' })
      await server.start()
      assert.equal(server.port, port)
      assert.equal(await ask(server.url(), 'SELECT count(*)::int FROM kept'), 2)
      assert.ok(server.log().some((line) => line.includes('was not properly shut down')))
      await server.close()
      assert.equal(existsSync(server.directory), false)
    })
  })
}

test('it is spoken to by its socket file as well, and by TCP where there can be none', async () => {
  const way = 'SELECT inet_server_addr()::text'
  const server = await testServer({ version: 18 })
  assert.equal(await ask(server.url(), way), '127.0.0.1/32')
  assert.equal(await ask(server.socketUrl(), way), null)
  await server.close()
  const without = await testServer({ version: 18, settings: { unix_socket_directories: '' } })
  assert.equal(without.socketUrl(), without.url())
  await without.close()
})

test('a server that does not stop within the time it is given is ended as it is, and has what was committed', async () => {
  const server = await testServer({ version: 18 })
  await ask(server.url(), 'CREATE TABLE kept (n int)', 'INSERT INTO kept VALUES (1)')
  // A session that is frozen in the midst of its work, as one that waits for a broken disk is.
  const frozen = new Client({ connectionString: server.url() })
  frozen.on('error', () => {})
  await frozen.connect()
  process.kill((frozen as unknown as { processID: number }).processID, 'SIGSTOP')
  await server.stop({ shutdownTimeout: 100 })
  await server.start()
  assert.equal(await ask(server.url(), 'SELECT count(*)::int FROM kept'), 1)
  assert.ok(server.log().some((line) => line.includes('immediate shutdown')))
  await server.close()
})

test('a server ends with the process that started it, even when that is killed', async () => {
  const program = fileURLToPath(new URL('orphan.test-support.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=dure-source', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { url, directory } = JSON.parse(said) as { url: string; directory: string }
  assert.equal(await ask(url, 'SELECT 1'), 1)
  child.kill('SIGKILL')
  while (existsSync(directory)) await new Promise((resolve) => setTimeout(resolve, 20))
  await assert.rejects(ask(url, 'SELECT 1'), { code: 'ECONNREFUSED' })
})

test('what a killed server has left is waited for, and told when it stays', async () => {
  const [server, other] = [await testServer({ version: 18 }), await testServer({ version: 18 })]
  const lock = (of: typeof server): string => join(of.directory, 'data', 'postmaster.pid')
  await server.crash()
  // As if the number of the killed one were another server's by now.
  writeFileSync(lock(server), readFileSync(lock(other)))
  await assert.rejects(server.start(), {
    code: 'INTERNAL',
    message: /it ended with 1\. The last it said: .*lock file "postmaster\.pid"/s,
  })
  const started = server.start()
  rmSync(lock(server))
  await started
  assert.equal(await ask(server.url(), 'SELECT 1'), 1)
  await Promise.all([server.close(), other.close()])
})

test('a server that cannot start says its last words, and leaves nothing', async (t) => {
  await assert.rejects(startServer({ settings: { shared_buffers: 'much' } }), {
    code: 'INTERNAL',
    message: /Starting a PostgreSQL failed: .*shared_buffers.*"much"/s,
  })
  if (process.getuid?.() === 0) {
    const closed = mkdtempSync(join(tmpdir(), 'dure-closed-'))
    t.after(() => rmSync(closed, { recursive: true }))
    await assert.rejects(startServer({ directory: join(closed, 'inside'), password: 'x' }), {
      code: 'FAILED_PRECONDITION',
      message: /cannot reach .*inside.*choose a folder/,
    })
  }
  await assert.rejects(startServer({ programs: { folder: '/nowhere' } }), { code: 'FAILED_PRECONDITION', message: /"\/nowhere"/ })
})
