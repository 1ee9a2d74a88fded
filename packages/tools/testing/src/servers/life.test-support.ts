import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingServer, startLocalServer, type LocalServer, type ServerKind } from './servers.ts'

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

/**
 * What holds of a server of every kind. `write` leaves something there that must not be lost once it is told to be safe; `read` says
 * whether it is there.
 */
export function serverTests(
  kind: ServerKind,
  options: {
    readonly write: (server: LocalServer) => Promise<void>
    readonly read: (server: LocalServer) => Promise<boolean>
    /** It has nothing but its memory. */
    readonly forgets?: boolean
  },
): void {
  const { write, read, forgets = false } = options
  describe(`a ${kind} of one's own`, { skip: missingServer(kind) }, () => {
    test('listens on loopback only, is frozen, killed and started again with what it had, stops, and leaves nothing', async (t) => {
      const server = await startLocalServer(kind)
      t.after(() => server.close())
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
      assert.equal(await read(server), false)
      await write(server)

      const family = familyOf(server.pid!)
      server.freeze()
      await server.crash()
      assert.equal(server.pid, undefined)
      // The system closes the sockets of what was killed a moment later.
      await until(async () => !(await open(port)))
      await until(() => family.every((pid) => !existsSync(`/proc/${pid}`)))
      await server.start()
      assert.ok(await open(port))
      assert.equal(await read(server), !forgets)

      server.freeze()
      await server.stop()
      assert.equal(await open(port), false)
      await server.close()
      assert.equal(existsSync(directory), false)
    })

    test('ends with the process that started it, even when that is killed', async () => {
      const program = fileURLToPath(new URL('orphan.test-support.ts', import.meta.url))
      const child = spawn(process.execPath, ['--conditions=dure-source', program, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
      const output = createInterface({ input: child.stdout })
      const [said] = (await Promise.race([once(output, 'line'), once(output, 'close')])) as [string?]
      const { port, directory, pid } = JSON.parse(said!) as { port: number; directory: string; pid: number }
      const family = familyOf(pid)
      assert.ok(await open(port))
      child.kill('SIGKILL')
      await until(() => !existsSync(directory))
      await until(() => family.every((each) => !existsSync(`/proc/${each}`)))
      assert.equal(await open(port), false)
    })
  })
}

/** Sends lines, and gives what comes back until it matches. */
export async function talk(port: number, request: string, enough: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write(request)
    let answer = ''
    for await (const bytes of socket) {
      answer += String(bytes)
      if (enough.test(answer)) break
    }
    return answer
  } finally {
    socket.destroy()
  }
}
