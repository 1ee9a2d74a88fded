import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import { DeployError } from '../errors.ts'
import type { Entry } from './entry.ts'
import { collect } from './files.ts'
import { digestOf } from './layout.ts'

/** Who a program in the image is: nobody that the machine below knows. */
export const USER = 65_532
export const NODE = '/usr/bin/node'
/** Where a system keeps its files; the only place that its user may write to. */
export const DATA = '/data'

export type Base = {
  readonly entries: readonly Entry[]
  readonly platform: { readonly os: 'linux'; readonly architecture: 'amd64' | 'arm64' }
  /** What it consists of, for the list of parts. */
  readonly node: { readonly version: string }
  readonly libraries: readonly { readonly name: string; readonly digest: string }[]
}

/** `e_machine` of ELF's header, as container registries call it. */
const MACHINES: Readonly<Record<number, 'amd64' | 'arm64'>> = { 62: 'amd64', 183: 'arm64' }

const TEXTS: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/:/none\nnonroot:x:${USER}:${USER}:nonroot:/tmp:/none\n`,
  'etc/group': `root:x:0:\nnonroot:x:${USER}:\n`,
  'etc/nsswitch.conf': 'hosts: files dns\n',
}
/** Where container engines mount what is theirs, even when nothing may be written. */
const FOLDERS = ['dev', 'proc', 'run', 'sys', 'etc', 'app']

/**
 * What is below an application: Node, the shared libraries that the loader names for it, and a user. No shell, no package manager.
 * @param node the binary. @throws {DeployError} when it is none for Linux, or a library of it is missing
 */
export function baseOf(node: string): Base {
  const architecture = architectureOf(node)
  const libraries = librariesOf(node)
  const at = (source: string, path: string): Entry => {
    const real = realpathSync(source)
    const [entry] = collect({ folder: real, into: path, root: dirname(real), without: () => false })
    return entry!
  }
  return {
    platform: { os: 'linux', architecture },
    node: { version: words(node, ['--version']).trim() },
    libraries: libraries.map((path) => ({ name: path.slice(path.lastIndexOf(sep) + 1), digest: digestOf(readFileSync(path)) })),
    entries: [
      at(node, NODE.slice(1)),
      ...libraries.map((path) => at(path, path.slice(1))),
      ...Object.entries(TEXTS).map(([path, text]) => ({ kind: 'file' as const, path, content: Buffer.from(text) })),
      ...FOLDERS.map((path) => ({ kind: 'directory' as const, path })),
      { kind: 'directory', path: 'tmp', mode: 0o1777 },
      { kind: 'directory', path: DATA.slice(1), mode: 0o700, owner: USER },
    ],
  }
}

function architectureOf(node: string): 'amd64' | 'arm64' {
  const header = Buffer.alloc(20)
  try {
    const file = openSync(node, 'r')
    readSync(file, header, 0, header.length, 0)
    closeSync(file)
  } catch (cause) {
    throw new DeployError('PROJECT', `Cannot put Node into the image: "${node}" cannot be read (${(cause as Error).message})`, {
      cause,
    })
  }
  const found = header.readUInt32BE(0) === 0x7f454c46 ? MACHINES[header.readUInt16LE(18)] : undefined
  if (found !== undefined) return found
  throw new DeployError(
    'PROJECT',
    `Cannot put Node into the image: "${node}" is no program for Linux on x64 or arm64; build on Linux, or name one with --node`,
  )
}

/** The paths of the shared libraries and of the loader, as `ldd` says them; none for a program that needs none. */
function librariesOf(node: string): readonly string[] {
  const lines = words('ldd', [node]).split('\n')
  const missing = lines.find((line) => line.includes('not found'))
  if (missing !== undefined)
    throw new DeployError(
      'PROJECT',
      `Cannot put Node into the image: "${node}" needs a library that is not here: ${missing.trim()}`,
    )
  return lines.flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []).sort()
}

function words(program: string, args: readonly string[]): string {
  const { stdout, error, status } = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  // What is linked statically is "not a dynamic executable", with 1.
  if (error === undefined) return status === 0 || status === 1 ? stdout : ''
  throw new DeployError('PROJECT', `Cannot put Node into the image: "${program}" does not run here (${error.message})`, {
    cause: error,
  })
}
