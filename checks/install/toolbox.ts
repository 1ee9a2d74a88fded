import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { outside, run } from '../shell.ts'

/** The versions of Node that are tried, each with the npm that a project on it may have. */
export const NODES: readonly { readonly node: string; readonly npm: string }[] = [
  { node: '20.20.2', npm: 'npm9' },
  { node: '22.23.3', npm: 'npm10' },
  { node: '24.21.0', npm: 'npm11' },
  { node: '26.10.0', npm: 'npm11' },
]

/** Nodes, npms, compilers and bundlers, in a folder of the cache that is named after what is pinned. */
export type Toolbox = {
  /** A version of Node, from npm's package of that name. */
  readonly node: (version: string) => string
  /** The file of a program. */
  readonly tool: (path: string) => string
}

const PINS = join(import.meta.dirname, 'toolbox.json')

/** Sets up what is not there yet. @throws in the words of npm */
export async function openToolbox(): Promise<Toolbox> {
  const pinned = createHash('sha256').update(readFileSync(PINS)).update(JSON.stringify(NODES)).digest('hex').slice(0, 12)
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dure', 'install', pinned)
  const mark = join(folder, 'installed')
  if (!existsSync(mark)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    copyFileSync(PINS, join(folder, 'package.json'))
    await install(folder, [])
    for (const { node } of NODES) {
      const place = join(folder, `node-${node}`)
      mkdirSync(place)
      writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true }))
      await install(place, [`node@${node}`])
    }
    writeFileSync(mark, '')
  }
  return {
    node: (version) => join(folder, `node-${version}`, 'node_modules/node/bin/node'),
    tool: (path) => join(folder, 'node_modules', path),
  }
}

async function install(folder: string, words: readonly string[]): Promise<void> {
  const { code, output } = await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...words],
    folder,
    outside(),
  )
  if (code !== 0) throw new Error(`Cannot set up what the tarballs are tried with:\n${output}`)
}
