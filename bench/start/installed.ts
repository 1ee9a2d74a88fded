import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './project.ts'

/** What one package brings along into an empty project. */
export function installed(folder: string, what: string): { readonly megabytes: number; readonly packages: number } {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  npm(['install', what], folder)
  const bytes = globSync('node_modules/**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: object
  }
  return { megabytes: bytes / 1_000_000, packages: Object.keys(packages).length }
}
