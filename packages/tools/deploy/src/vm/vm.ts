/** Releases as virtual machines: each copy a machine of its own under QEMU, with the image of the release in it. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { realRuntime } from 'dure/runtime'
import type { Release } from '../release.ts'
import { behindGateway, type BehindGateway, type BehindGatewayOptions, type CopyRun } from '../target/target.ts'
import { run, type VmDisk } from './disk.ts'
import { GUEST } from './guest.ts'
import { askQemu } from './qmp.ts'
import { cloudInitSeed } from './seed.ts'

export { buildVmDisk, debianBase, type DiskOptions, type VmDisk } from './disk.ts'
export { cloudInitSeed, type Seed } from './seed.ts'

export type VmOptions = BehindGatewayOptions & {
  /** The disk of a release, as `buildVmDisk` has made it: copies share it, and write none of it. */
  readonly disk: (release: Release) => VmDisk
  /** Of each machine: megabytes (default 512) and processors (default 1). */
  readonly memory?: number
  readonly processors?: number
  /** Megabytes of the disk that a copy keeps its data on; it outlives the machine. Default 1,024. */
  readonly data?: number
  /** `tcg`: without the processor's help, slow and everywhere. Default `kvm`. */
  readonly accelerator?: 'kvm' | 'tcg'
  /** QEMU's program. Default `qemu-system-x86_64`. */
  readonly qemu?: string
  /** More words for QEMU, such as another disk; and for the kernel. */
  readonly options?: (release: Release) => readonly string[]
  readonly kernelOptions?: readonly string[]
  /** Milliseconds a machine may take to shut down before it is cut off. Default 60,000. */
  readonly shutdownTimeout?: number
}

/** Its console has what systemd warns of, and not what services log: nobody bounds it. */
const KERNEL =
  'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 systemd.journald.forward_to_console=1 systemd.journald.max_level_console=notice'
/** Milliseconds between two looks whether a machine has ended. */
const LOOK = 100

/**
 * Runs releases as virtual machines of this host. A machine is told its settings and secrets by a seed of cloud-init, answers at a port of
 * this host, and is shut down by its power button.
 *
 * @example
 * ```ts
 * import { vm } from '@dure/deploy'
 *
 * const disk = { disk: '/srv/shop/disk.img', kernel: '/srv/shop/vmlinuz', initrd: '/srv/shop/initrd.img' }
 * const target = vm({ directory: '.vms', port: 8080, readiness: 300_000, accelerator: 'tcg', disk: () => disk })
 * console.log(target.name, await target.list()) // → vm []
 * ```
 */
export function vm(options: VmOptions): BehindGateway {
  const { runtime = realRuntime(), shutdownTimeout = 60_000, readiness = 300_000 } = options
  const { clock, timers } = runtime
  const ended = async (folder: string, ms: number): Promise<boolean> => {
    const until = clock.monotonic() + ms
    while (isRunning(folder)) {
      if (clock.monotonic() > until) return false
      await timers.sleep(LOOK)
    }
    return true
  }
  return behindGateway(
    {
      name: 'vm',
      refused: ({ release }) => {
        const missing = Object.values(options.disk(release)).filter((path) => !existsSync(path))
        return missing.map((path) => `there is no "${path}"; make the disk of the release with buildVmDisk`)
      },
      start: async (copy) => {
        if (!isRunning(copy.folder)) await startMachine(copy, options)
      },
      stop: async ({ folder }) => {
        const socket = join(folder, 'qmp')
        if (isRunning(folder)) {
          await askQemu(socket, 'system_powerdown', timers).catch(() => {})
          if (!(await ended(folder, shutdownTimeout))) {
            await askQemu(socket, 'quit', timers).catch(() => {})
            await ended(folder, shutdownTimeout)
          }
        }
        rmSync(join(folder, 'pid'), { force: true })
      },
      state: async ({ folder }) => {
        if (isRunning(folder)) return { state: 'running', restarts: 0 }
        return { state: 'ended', restarts: 0, reason: lastWords(folder) }
      },
    },
    { ...options, readiness },
  )
}

/** Its console, its disk, its seed and its socket are in the folder of the copy. */
async function startMachine({ name, port, folder, environment, release }: CopyRun, options: VmOptions): Promise<void> {
  const {
    memory = 512,
    processors = 1,
    data = 1_024,
    accelerator = 'kvm',
    qemu = 'qemu-system-x86_64',
    kernelOptions = [],
  } = options
  const { disk, kernel, initrd } = options.disk(release)
  const seed = join(folder, 'seed')
  mkdirSync(seed, { recursive: true, mode: 0o700 })
  for (const [file, text] of Object.entries(cloudInitSeed({ name, environment })))
    writeFileSync(join(seed, file), text, { mode: 0o600 })
  const own = join(folder, 'data.img')
  if (!existsSync(own)) await run('mke2fs', ['-q', '-t', 'ext4', '-L', GUEST.dataLabel, own, `${data}m`])
  const words = [
    ...['-name', name, '-machine', 'q35', '-accel', accelerator, '-m', String(memory), '-smp', String(processors)],
    ...['-display', 'none', '-serial', `file:${join(folder, 'console')}`, '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', [KERNEL, ...kernelOptions].join(' ')],
    // What is written to the root goes with the machine.
    ...['-drive', `file=${disk},format=raw,if=virtio,snapshot=on`],
    ...['-drive', `file=${own},format=raw,if=virtio`],
    ...['-drive', `driver=vvfat,dir=${seed},label=CIDATA,read-only=on,if=virtio`],
    ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:${GUEST.port}`, '-device', 'virtio-net-pci,netdev=net'],
    ...['-device', 'virtio-rng-pci', '-qmp', `unix:${join(folder, 'qmp')},server=on,wait=off`],
    ...(options.options?.(release) ?? []),
    ...['-daemonize', '-pidfile', join(folder, 'pid')],
  ]
  await run(qemu, words)
}

/** Whether the process is there that QEMU has written down, and is QEMU's: a number is given again. */
function isRunning(folder: string): boolean {
  const file = join(folder, 'pid')
  if (!existsSync(file)) return false
  const pid = Number(readFileSync(file, 'utf8'))
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(folder, 'qmp'))
  } catch {
    return false
  }
}

function lastWords(folder: string): string {
  const file = join(folder, 'console')
  if (!existsSync(file)) return 'it was never started'
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return `the machine has ended; the last line of its console: ${(lines.at(-1) ?? '').slice(0, 200)}`
}
