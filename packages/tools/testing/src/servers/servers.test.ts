import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingServer, serverPlaces, startLocalServer, type ServerKind } from './servers.ts'

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Whether somebody takes connections there. */
const open = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Its process, and those that came of it. */
const familyOf = (pid: number): readonly number[] => {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return { pid: Number(name), parent: Number(parent), group: Number(group) }
      } catch {
        return { pid: 0, parent: 0, group: 0 }
      }
    })
  const family = [pid]
  for (const member of family) {
    family.push(
      ...all
        .filter((each) => !family.includes(each.pid) && (each.parent === member || each.group === pid))
        .map((each) => each.pid),
    )
  }
  return family
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Addresses that a process and its family listen on, as the kernel lists them. */
const listening = (pid: number): readonly { readonly port: number; readonly loopback: boolean }[] => {
  const sockets = new Set(
    familyOf(pid).flatMap((member) =>
      readdirSync(`/proc/${member}/fd`).map((fd) => {
        return /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${member}/fd/${fd}`))?.[1]
      }),
    ),
  )
  return ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(`/proc/net/${file}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      // 0A: it listens.
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode))
      .map(([, local]) => {
        const [address, port] = local!.split(':') as [string, string]
        return { port: Number.parseInt(port, 16), loopback: LOOPBACK.has(address) }
      }),
  )
}
/** 127.0.0.1, the same within IPv6, and ::1. */
const LOOPBACK = new Set(['0100007F', '0000000000000000FFFF00000100007F', '00000000000000000000000001000000'])

const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0]!

const kinds = Object.keys(serverPlaces()) as readonly ServerKind[]

for (const kind of kinds) {
  describe(`a ${kind} of one's own`, { skip: missingServer(kind) }, () => {
    test('listens on loopback only; is stopped, killed and started again on its ports; is frozen; leaves nothing', async () => {
      const server = await startLocalServer(kind)
      const { port, ports, directory } = server
      const listens = listening(server.pid!)
      for (const each of Object.values(ports))
        assert.ok(
          listens.some((address) => address.port === each),
          JSON.stringify({ ports, listens }),
        )
      assert.deepEqual(
        listens.filter(({ loopback }) => !loopback),
        [],
      )

      server.freeze()
      assert.deepEqual(
        familyOf(server.pid!)
          .map(stateOf)
          .filter((state) => state !== 'T' && state !== 'Z'),
        [],
      )
      server.thaw()
      await until(() => stateOf(server.pid!) !== 'T')

      await server.stop()
      assert.equal(server.pid, undefined)
      assert.equal(await open(port), false)
      await server.start()
      assert.ok(await open(port))
      const family = familyOf(server.pid!)
      server.freeze()
      await server.crash()
      assert.equal(await open(port), false)
      await until(() => family.every((pid) => !existsSync(`/proc/${pid}`)))
      await server.start()
      assert.deepEqual(server.ports, ports)
      assert.ok(await open(port))
      await server.close()
      assert.equal(existsSync(directory), false)
    })

    test('ends with the process that started it, even when that is killed', async () => {
      const program = fileURLToPath(new URL('orphan.test-support.ts', import.meta.url))
      const child = spawn(process.execPath, ['--conditions=dure-source', program, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
      const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      const { port, directory, pid } = JSON.parse(said) as { port: number; directory: string; pid: number }
      const family = familyOf(pid)
      assert.ok(await open(port))
      child.kill('SIGKILL')
      await until(() => !existsSync(directory))
      await until(() => family.every((each) => !existsSync(`/proc/${each}`)))
      assert.equal(await open(port), false)
    })
  })
}

test('a folder that is kept has its ports and its data at the next start', { skip: missingServer('nats') }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-kept-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const first = await startLocalServer('nats', { directory })
  await first.close()
  const second = await startLocalServer('nats', { directory })
  assert.equal(second.url, first.url)
  await second.close()
  assert.ok(existsSync(directory))
})

test('a server that cannot start says its last words, and leaves nothing', { skip: missingServer('nats') }, async () => {
  await assert.rejects(startLocalServer('nats', { settings: { 'jetstream.sync_interval': 'soon' } }), {
    code: 'INTERNAL',
    message: /Starting a "nats" failed: it ended with 1\. The last it said: .*soon/s,
  })
})

test('a server that is not installed is said to be, with what to do', async (t) => {
  const { DURE_SERVERS, PATH } = process.env
  t.after(() => {
    process.env['PATH'] = PATH
    if (DURE_SERVERS === undefined) delete process.env['DURE_SERVERS']
    else process.env['DURE_SERVERS'] = DURE_SERVERS
  })
  process.env['DURE_SERVERS'] = '/nowhere'
  process.env['PATH'] = ''
  for (const kind of kinds) {
    assert.equal(missingServer(kind), `needs server: ${kind}`)
    await assert.rejects(startLocalServer(kind), {
      code: 'FAILED_PRECONDITION',
      message: new RegExp(`Starting a "${kind}" failed: version .* is not in "/nowhere/${kind}-.*To do: .*npm run servers`),
    })
  }
})
