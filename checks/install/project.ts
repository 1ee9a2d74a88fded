import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import type { Packed } from '../packaging/pack.ts'
import { outside, run, type Ran } from '../shell.ts'
import type { Toolbox } from './toolbox.ts'

/** An empty folder that becomes somebody's project, on one version of Node. */
export type Project = {
  readonly path: (file: string) => string
  readonly write: (file: string, text: string) => void
  /** Copies what a package brings to where it can run. */
  readonly take: (file: string) => void
  /** A program on the project's Node. */
  readonly node: (...words: readonly string[]) => Promise<Ran>
  readonly npm: (...words: readonly string[]) => Promise<Ran>
  readonly remove: () => void
}

export function createProject(options: { readonly toolbox: Toolbox; readonly node: string; readonly npm: string }): Project {
  const { toolbox } = options
  const folder = mkdtempSync(join(tmpdir(), 'dure-install-'))
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  const program = toolbox.node(options.node)
  const env = { ...outside(), PATH: `${dirname(program)}${delimiter}${process.env['PATH']}` }
  const node = (...words: readonly string[]): Promise<Ran> => run(program, words, folder, env)
  write('package.json', JSON.stringify({ name: 'my-shop', private: true, type: 'module' }))
  return {
    path: (file) => join(folder, file),
    write,
    take: (file) => copyFileSync(join(folder, file), join(folder, basename(file))),
    node,
    npm: (...words) => node(toolbox.tool(`${options.npm}/bin/npm-cli.js`), ...words, '--no-audit', '--no-fund'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Installs tarballs by so many commands. @throws when npm fails, or asks a registry for one of them */
export async function installTarballs(project: Project, commands: readonly (readonly Packed[])[]): Promise<void> {
  for (const packed of commands) {
    const { code, output } = await project.npm('install', '--loglevel=http', ...packed.map(({ file }) => file))
    const asked = output.split('\n').filter((line) => /GET \d+ \S+\/(?:dure|@dure(?:%2f|\/)[\w-]+)(?:\s|$)/i.test(line))
    const what = packed.map(({ file }) => basename(file)).join(' ')
    if (code !== 0) throw new Error(`npm could not install ${what}: ${output.trim().split('\n').slice(-3).join(' ')}`)
    if (asked.length > 0) throw new Error(`npm asked the registry when it installed ${what}: ${asked.join('; ')}`)
  }
}
