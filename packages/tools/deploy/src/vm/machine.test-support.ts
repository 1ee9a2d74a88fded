/** A target of virtual machines for proofs, on images of a folder, with a shell of root in each machine. */
import { createConnection } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@dure/testing/servers'
import { until } from '../containers.test-support.ts'
import { buildImage, buildVmDisk, debianBase, vm, type ImageOptions, type Release } from '../deploy.ts'
import { idOf } from '../target/target.ts'

export const BASE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dure', 'debian-12')
/** Without a processor's help everything takes long. */
const TIMES = { readiness: 600_000, shutdownTimeout: 120_000 }

export async function openMachines(
  image: Pick<ImageOptions, 'folder' | 'program' | 'command'>,
  { memory, watchdog = 120_000 }: { readonly memory?: number; readonly watchdog?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'dure-vm-'))
  const layout = join(folder, 'layout')
  const { digest } = await buildImage({ ...image, layout, tag: 'machine' })
  await debianBase(BASE)
  const disk = await buildVmDisk({ ...TIMES, base: BASE, layout, tag: 'machine', folder: join(folder, 'disk'), watchdog })
  const port = await freePort()
  const directory = join(folder, 'machines')
  const shellOf = (release: Release): string => join(folder, `${idOf(release)}.shell`)
  const target = vm({
    ...{ ...TIMES, directory, port, accelerator: 'tcg', ...(memory !== undefined && { memory }) },
    disk: () => disk,
    kernelOptions: ['systemd.debug_shell=ttyS1'],
    options: (release) => [
      ...['-chardev', `socket,id=shell,path=${shellOf(release)},server=on,wait=off`, '-serial', 'chardev:shell'],
    ],
  })
  return {
    ...{ target, digest, url: `http://127.0.0.1:${port}` },
    copyOf: (release: Release): string => join(directory, 'copies', `${idOf(release)}-1`),
    ready: (release: Release): Promise<void> =>
      until(async () => {
        const { copies } = await target.health(release.digest)
        const over = copies.find(({ state }) => state === 'ended')
        if (over !== undefined) throw new Error(`A machine has ended: ${over.reason}`)
        return copies.length > 0 && copies.every(({ state }) => state === 'ready')
      }),
    /** Has root in the machine run a line; gives what it printed. */
    inside: (release: Release, line: string): Promise<string> => inside(shellOf(release), line),
    close: async (): Promise<void> => {
      await target.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function inside(path: string, line: string): Promise<string> {
  const socket = createConnection(path).setEncoding('utf8')
  // A machine that starts has no shell yet, and forgets what is said to nobody.
  const poke = setInterval(() => socket.write('\n'), 1_000)
  socket.write('\n')
  let said = ''
  let asked = false
  try {
    for await (const text of socket) {
      said += String(text)
      if (!asked && said.trimEnd().endsWith('#')) {
        asked = true
        clearInterval(poke)
        // What is typed is written back; the marks are put together by the shell alone.
        socket.write(`export TERM=dumb SYSTEMD_COLORS=0; echo "BE""GIN"; ${line}; echo "EN""D"\n`)
      }
      const [, printed] = /BEGIN\r?\n([\s\S]*?)END\r?\n/.exec(said) ?? []
      if (printed !== undefined) return printed.replaceAll('\r', '').trim()
    }
    throw new Error(`The shell ended: ${said}`)
  } finally {
    clearInterval(poke)
    socket.destroy()
  }
}
