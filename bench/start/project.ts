import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Without what npm tells the scripts of this repository. */
export const env: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_OPTIONS$|INIT_CWD$|NODE_TEST)/i.test(name)),
)

/** Writes the tarballs of all packages into a folder. */
export function packed(into: string): void {
  ran(process.execPath, [join(root, 'checks/packaging/pack.ts'), '--into', into], root)
}

export function npm(words: readonly string[], cwd: string): void {
  ran('npm', [...words, '--no-audit', '--no-fund', '--loglevel=error'], cwd)
}

export type Created = {
  readonly folder: string
  readonly version: string
  /** As a user types it: npm takes the program from its tarball, and that writes the project. */
  readonly seconds: number
  /** The program alone. */
  readonly programSeconds: number
  /** Npm, asked the same way for a package that does nothing. */
  readonly emptySeconds: number
}

/** A project of the template `first`, written twice: by npm, and by the program alone. */
export function newProject({ directory, tarballs }: { readonly directory: string; readonly tarballs: string }): Created {
  const { version } = JSON.parse(readFileSync(join(root, 'packages/tools/create-dure/package.json'), 'utf8')) as {
    readonly version: string
  }
  const tarball = join(tarballs, `create-dure-${version}.tgz`)
  const answers = ['--template', 'first', '--lang', 'en', '--yes', '--no-install', '--from', tarballs]
  const byNpm = (from: string, words: readonly string[]): number =>
    seconds(() => ran('npm', ['exec', '--yes', `--package=${from}`, '--', ...words], directory))
  // What npm has fetched once it keeps; the first run would measure the network.
  byNpm(tarball, ['create-dure', '--help'])
  const empty = emptyPackage(directory)
  byNpm(empty, ['empty-package'])

  const folder = join(directory, 'first')
  const place = join(directory, 'program')
  mkdirSync(place)
  writeFileSync(join(place, 'package.json'), '{}')
  npm(['install', tarball], place)
  return {
    folder,
    version,
    seconds: byNpm(tarball, ['create-dure', folder, ...answers]),
    emptySeconds: byNpm(empty, ['empty-package']),
    programSeconds: seconds(() =>
      ran(
        process.execPath,
        [join(place, 'node_modules/create-dure/bin/create-dure.js'), join(directory, 'again'), ...answers],
        place,
      ),
    ),
  }
}

function emptyPackage(directory: string): string {
  const folder = join(directory, 'empty-package')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"empty-package","version":"1.0.0","bin":"./empty.js"}')
  writeFileSync(join(folder, 'empty.js'), '#!/usr/bin/env node\n')
  chmodSync(join(folder, 'empty.js'), 0o755)
  npm(['pack'], folder)
  return join(folder, 'empty-package-1.0.0.tgz')
}

function seconds(work: () => void): number {
  const started = performance.now()
  work()
  return (performance.now() - started) / 1_000
}

function ran(command: string, words: readonly string[], cwd: string): void {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot run "${command} ${words.join(' ')}":\n${error?.message ?? `${stdout}${stderr}`}`)
}
