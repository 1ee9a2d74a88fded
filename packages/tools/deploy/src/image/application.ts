import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import { DeployError } from '../errors.ts'
import type { Entry } from './entry.ts'
import { collect, isWithin } from './files.ts'

/** What of a folder is for those who work on it, and not for what runs: hidden files, which often have secrets, and tests. */
const WITHOUT = /^(?:\..*|node_modules|coverage|.*\.(?:test|spec|test-support)\.[cm]?[jt]sx?|.*\.log)$/

/**
 * The files of an application, or of a package of its workspace: those that `"files"` in its package.json names, as npm means it, else
 * all but hidden ones, tests and what is installed.
 * @param into its place in the image
 * @param without paths that are left out
 * @throws {DeployError} when `"files"` names what is not there, or lies outside
 */
export function applicationFiles(root: string, folder: string, into: string, without: readonly string[] = []): readonly Entry[] {
  const left = new Set(without.map((path) => resolve(folder, path)))
  const filesBelow = (path: string): readonly Entry[] => {
    const at = join(folder, path)
    const isLeft = (below: string): boolean =>
      WITHOUT.test(basename(below)) || left.has(join(at, below)) || existsSync(join(at, below, 'oci-layout'))
    return collect({ folder: at, into: join(into, path).split(sep).join('/'), root, without: isLeft })
  }
  const found = (listedFiles(root, folder) ?? ['']).flatMap(filesBelow)
  return [...new Map(found.map((entry) => [entry.path, entry])).values()]
}

function listedFiles(root: string, folder: string): readonly string[] | undefined {
  const manifest = join(folder, 'package.json')
  const { files } = readManifest(manifest)
  if (files === undefined) return undefined
  const refuse = (pattern: unknown, why: string): never => {
    throw new DeployError('FILE', `Cannot take "${String(pattern)}" of "files" in "${relative(root, manifest)}": ${why}`)
  }
  if (!Array.isArray(files)) return refuse(files, 'it is no list of paths')
  return [
    'package.json',
    ...files.flatMap((pattern: unknown) => {
      if (typeof pattern !== 'string' || pattern.startsWith('!')) return refuse(pattern, 'only what is to be taken can be said')
      const found = globSync(pattern.replace(/^\//, ''), { cwd: folder })
      if (found.length === 0) return refuse(pattern, 'nothing is there')
      return found.map((path) =>
        isWithin(folder, resolve(folder, path)) ? path : refuse(pattern, `it lies outside of "${folder}"`),
      )
    }),
  ]
}

/** @throws {DeployError} */
export function readManifest(file: string): {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly files?: unknown
} {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: string }
  } catch (cause) {
    throw new DeployError('PROJECT', `Cannot read "${file}": ${(cause as Error).message}`, { cause })
  }
}
