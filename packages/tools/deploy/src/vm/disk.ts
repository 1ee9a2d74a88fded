import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { DeployError } from '../errors.ts'
import { openLayout, type Manifest } from '../image/image.ts'
import { GUEST, guestFiles, type GuestOptions, type RunOf } from './guest.ts'

/** A disk of a virtual machine, and what starts it. */
export type VmDisk = { readonly disk: string; readonly kernel: string; readonly initrd: string }

export type DiskOptions = GuestOptions & {
  /** A Debian with systemd, cloud-init and a kernel: what `debianBase` has made. */
  readonly base: string
  /** The image that runs in it: its layout, and its tag there (default `latest`). */
  readonly layout: string
  readonly tag?: string
  /** The folder that the disk is written into. */
  readonly folder: string
  /** Its size in bytes. Default 2 GiB, of which only what is used takes room. */
  readonly size?: number
}

/** What a guest is made of beside Debian's least; the last ones are what Node is linked with. */
const PACKAGES =
  'linux-image-cloud-amd64,initramfs-tools,systemd-sysv,dbus,udev,iproute2,kmod,cloud-init,python3-cffi-backend,libstdc++6,libatomic1'
/** What the base says it was made of. */
const MADE_OF = 'etc/dure-base'

/**
 * Makes the folder that disks begin with, of Debian's packages: once, for minutes, as root, by `debootstrap`. One that is there stays.
 * @throws {DeployError} `PROJECT` with the last words of `debootstrap`
 *
 * @example
 * ```ts
 * import { debianBase } from '@dure/deploy'
 *
 * console.log(debianBase.length) // → 1
 * ```
 */
export async function debianBase(
  folder: string,
  { suite = 'bookworm', mirror = 'http://deb.debian.org/debian' }: { readonly suite?: string; readonly mirror?: string } = {},
): Promise<void> {
  const marker = join(folder, MADE_OF)
  const what = `${suite} ${PACKAGES}\n`
  if (existsSync(marker) && readFileSync(marker, 'utf8') === what) return
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(dirname(resolve(folder)), { recursive: true })
  await run('debootstrap', ['--variant=minbase', `--include=${PACKAGES}`, suite, partial, mirror])
  writeFileSync(join(partial, MADE_OF), what)
  rmSync(folder, { recursive: true, force: true })
  renameSync(partial, folder)
}

/**
 * Writes the disk of a release: Debian, the image unpacked in a folder of its own, and the units of systemd that run it. As root, on Linux,
 * with `mke2fs` and `tar`. What a machine is told comes later, by a seed, so that copies share the disk.
 * @throws {DeployError} `PROJECT` when there is no base, or a program it needs is missing or fails
 *
 * @example
 * ```ts
 * import { buildVmDisk, DeployError } from '@dure/deploy'
 *
 * const asked = { base: '/nowhere', layout: '/nowhere', folder: '/nowhere/disk' }
 * const refused = await buildVmDisk(asked).catch((error: unknown) => error)
 * console.log(refused instanceof DeployError && refused.code) // → PROJECT
 * ```
 */
export async function buildVmDisk(options: DiskOptions): Promise<VmDisk> {
  const { base, tag = 'latest', size = 2 * 1024 ** 3 } = options
  const boot = startedBy(base)
  if (boot === undefined)
    throw new DeployError('PROJECT', `Cannot make a disk of "${base}": there is no kernel in its /boot; make it with debianBase`)
  const folder = resolve(options.folder)
  mkdirSync(folder, { recursive: true })
  const layout = openLayout(resolve(options.layout))
  const { config, layers } = layout.read(layout.find(tag).image) as Manifest
  const { config: how } = layout.read(config) as { readonly config: RunOf }
  const root = mkdtempSync(join(folder, '.root-'))
  try {
    await run('cp', ['--archive', `${resolve(base)}/.`, root])
    for (const path of [GUEST.image, GUEST.data, GUEST.environment]) mkdirSync(join(root, path), { recursive: true })
    // As systemd has it: nobody looks into what users of the moment keep.
    chmodSync(dirname(join(root, GUEST.data)), 0o700)
    for (const { digest } of layers) {
      const how = ['--extract', '--gzip', '--numeric-owner', '--preserve-permissions']
      await run('tar', [...how, '--file', layout.path(digest), '--directory', join(root, GUEST.image)])
    }
    const { files, links } = guestFiles(how, options)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    for (const [path, to] of Object.entries(links)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      rmSync(join(root, path), { force: true })
      symlinkSync(to, join(root, path))
    }
    const disk = join(folder, 'disk.img')
    rmSync(disk, { force: true })
    await run('mke2fs', ['-q', '-t', 'ext4', '-L', GUEST.label, '-d', root, disk, `${Math.ceil(size / 1024)}k`])
    const [kernel, initrd] = [join(folder, 'vmlinuz'), join(folder, 'initrd.img')]
    cpSync(boot.kernel, kernel)
    cpSync(boot.initrd, initrd)
    return { disk, kernel, initrd }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** The latest kernel of a base. */
function startedBy(base: string): Omit<VmDisk, 'disk'> | undefined {
  const boot = join(base, 'boot')
  const names = existsSync(boot) ? readdirSync(boot).toSorted() : []
  const [kernel, initrd] = ['vmlinuz-', 'initrd.img-'].map((prefix) => names.findLast((name) => name.startsWith(prefix)))
  return kernel === undefined || initrd === undefined ? undefined : { kernel: join(boot, kernel), initrd: join(boot, initrd) }
}

const execute = promisify(execFile)
/** @throws {DeployError} `PROJECT` with its last words */
export async function run(program: string, words: readonly string[]): Promise<void> {
  try {
    await execute(program, words, { maxBuffer: 64 << 20 })
  } catch (cause) {
    const { code, message, stderr = '' } = cause as Error & { readonly code?: string | number; readonly stderr?: string }
    const why = code === 'ENOENT' ? 'it is not here; install it' : stderr.trim().slice(-500) || message
    throw new DeployError('PROJECT', `Cannot run "${program}": ${why}`, { cause })
  }
}
