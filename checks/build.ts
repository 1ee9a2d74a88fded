/**
 * `npm run build`: what is published, from TypeScript to JavaScript and declarations, in order of need.
 * Nothing in this repository runs on the result: sources run as they are.
 */
import { copyFileSync, existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, runTool } from './shell.ts'

export type Published = { readonly name: string; readonly path: string }

/** The packages that are published: each comes after those it depends on. */
export function publishedPackages(): readonly Published[] {
  const { workspaces } = manifest(root)
  const all = globSync([...(workspaces ?? [])], { cwd: root })
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => ({ path, ...manifest(join(root, path)) }))
    .filter((each) => each.private !== true)
  const ordered: typeof all = []
  const add = (one: (typeof all)[number]): void => {
    if (ordered.includes(one)) return
    for (const other of all) if (Object.hasOwn(one.dependencies ?? {}, other.name)) add(other)
    ordered.push(one)
  }
  for (const one of all.toSorted((a, b) => a.path.localeCompare(b.path))) add(one)
  return ordered.map(({ name, path }) => ({ name, path: path.replaceAll('\\', '/') }))
}

/** Builds one package into its `dist`. @throws with the compiler's words, or when nothing came out */
export async function build({ name, path }: Published): Promise<number> {
  const dist = join(root, path, 'dist')
  rmSync(dist, { recursive: true, force: true })
  const { code, output } = await runTool('typescript/bin/tsc', ['-p', join(path, 'tsconfig.build.json')])
  if (code !== 0) throw new Error(`Cannot build "${name}":\n${output}`)
  const files = globSync('**/*.js', { cwd: dist }).length
  if (files === 0) throw new Error(`Cannot build "${name}": the compiler wrote no file. Look at ${path}/tsconfig.build.json.`)
  // The licence travels with every package.
  copyFileSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))
  return files
}

function manifest(folder: string): {
  readonly name: string
  readonly private?: boolean
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

if (import.meta.main) {
  try {
    for (const each of publishedPackages()) console.log(`${each.name}: ${await build(each)} files`)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
