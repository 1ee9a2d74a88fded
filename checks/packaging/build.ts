/**
 * `npm run build`: what is published, each package in a folder of `dist/packages` as its users get it: JavaScript,
 * declarations, and a package.json of its own. Nothing in this repository runs on the result: sources run as they are.
 */
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, runTool } from '../shell.ts'
import { writeExamples } from './examples.ts'
import { askLate, guard, oldestNode, type Resolve } from './node-versions.ts'
import { publishedDoors, publishedPackages, readManifest, type Manifest, type Package } from './workspace.ts'

/** A package as it is published. */
export type Built = { readonly name: string; readonly folder: string; readonly files: number }

/** What is left of a module that only had types: nobody imports it. */
const NOTHING = /^\s*(?:export \{\};\s*)?$/
/** What goes along as it is, where a package has it. */
const ALONG = ['README.md', 'AGENTS.md', 'bin']

/** Files of other people's that come with a package, so that its users install nothing for them (decision 0060). */
const BROUGHT: Readonly<Record<string, { readonly from: string; readonly files: readonly string[] }>> = {
  '@dure/rest': {
    from: 'swagger-ui-dist',
    files: ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui.css', 'LICENSE', 'NOTICE'],
  },
}

/** Builds all packages into a folder inside the repository, where the compiler finds what they import. @throws with the compiler's words */
export async function build(into: string): Promise<readonly Built[]> {
  const packages = publishedPackages()
  if (packages.length === 0) throw new Error('Cannot build: no package of the workspace is public.')
  const folderOf = ({ manifest }: Package): string => join(into, manifest.name)
  rmSync(into, { recursive: true, force: true })
  const doors = new Map<string, string>()
  const types: Record<string, readonly string[]> = {}
  for (const each of packages)
    for (const [subpath, door] of publishedDoors(each.manifest)) {
      const specifier = join(each.manifest.name, subpath).replaceAll('\\', '/')
      doors.set(specifier, join(folderOf(each), door.default))
      types[specifier] = [join(folderOf(each), door.types)]
    }
  const resolve: Resolve = (specifier) => doors.get(specifier)
  for (const each of packages) await compile(each, folderOf(each), types)
  // After all are compiled: which Node a door needs depends on the packages it imports.
  for (const each of packages) await complete(each, folderOf(each), packages, resolve)
  return packages.map((each) => ({
    name: each.manifest.name,
    folder: folderOf(each),
    files: globSync('dist/**/*.js', { cwd: folderOf(each) }).length,
  }))
}

async function compile(
  { path, manifest }: Package,
  folder: string,
  paths: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const src = join(root, path, 'src')
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'tsconfig.json')
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      compilerOptions: { rootDir: src, outDir: join(folder, 'dist'), customConditions: [], paths },
      // The suites of ports come with the doors that publish them, and only then.
      files: [
        ...publishedDoors(manifest).map(([, door]) => join(root, path, door['dure-source'])),
        // Processes that a suite starts: nobody imports them.
        ...globSync('**/*-child.conformance.ts', { cwd: src }).map((file) => join(src, file)),
      ],
      include: [join(src, '**/*.ts')],
      exclude: ['test', 'test-support', 'conformance', 'system'].map((kind) => join(src, `**/*.${kind}.ts`)),
    }),
  )
  const { code, output } = await runTool('typescript/bin/tsc', ['-p', config])
  rmSync(config)
  if (code !== 0) throw new Error(`Cannot build "${manifest.name}":\n${output}`)
  const written = globSync('dist/**/*.js', { cwd: folder })
  const isDoor = (file: string): boolean => publishedDoors(manifest).some(([, door]) => join(door.default) === file)
  if (written.length === 0)
    throw new Error(`Cannot build "${manifest.name}": the compiler wrote no file. Look at the doors in ${path}/package.json.`)
  for (const file of written) {
    const code = askLate(readFileSync(join(folder, file), 'utf8'))
    if (NOTHING.test(code) && !isDoor(file)) rmSync(join(folder, file))
    else writeFileSync(join(folder, file), code)
  }
}

async function complete(
  { path, manifest }: Package,
  folder: string,
  packages: readonly Package[],
  resolve: Resolve,
): Promise<void> {
  const { repository } = readManifest()
  const published = publishedDoors(manifest).map(([subpath, door]) => {
    const file = join(folder, door.default)
    return { subpath, door, file, oldest: oldestNode(file, manifest, resolve) }
  })
  for (const { file, oldest } of published) guard({ door: file, dist: join(folder, 'dist'), name: manifest.name, oldest })
  for (const name of ALONG)
    if (existsSync(join(root, path, name))) cpSync(join(root, path, name), join(folder, name), { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  const { from = '', files = [] } = BROUGHT[manifest.name] ?? {}
  // The folder is named as the page looks for it: packages/protocols/rest/src/api-page.ts.
  for (const file of files) cpSync(join(root, 'node_modules', from, file), join(folder, 'swagger-ui', file))
  if (manifest.name === 'dure') writeExamples(folder)
  await writeClient(path, folder)
  const readme = join(folder, 'README.md')
  // What a page points to in the repository is not beside it once it is installed.
  writeFileSync(
    readme,
    readFileSync(readme, 'utf8').replaceAll(/\]\((?:\.\.\/)+([^)]+)\)/g, `](${browsable(repository)}/blob/main/$1)`),
  )
  const own = packages.map((each) => each.manifest.name)
  const neighbours = Object.keys(manifest.dependencies ?? {}).filter((name) => own.includes(name))
  const result = {
    ...pick(manifest, ['name', 'version', 'description', 'license']),
    repository: { ...repository, directory: path },
    type: 'module',
    ...pick(manifest, ['bin']),
    exports: {
      ...Object.fromEntries(published.map(({ subpath, door }) => [subpath, { types: door.types, default: door.default }])),
      './package.json': './package.json',
    },
    dependencies: Object.fromEntries(Object.entries(manifest.dependencies ?? {}).filter(([name]) => !own.includes(name))),
    ...pick(manifest, ['peerDependencies']),
    // Said here alone, and not as dependencies: npm would ask the registry for them (decision 0054).
    peerDependenciesMeta: {
      ...manifest.peerDependenciesMeta,
      ...Object.fromEntries(neighbours.map((name) => [name, { optional: true }])),
    },
    // What has a command and no door says by itself what it runs on.
    engines: published.length === 0 ? manifest.engines : { node: `>=${published.map(({ oldest }) => oldest).toSorted()[0]!}` },
  }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(result, undefined, 2)}\n`)
}

/** What a package serves to browsers is bundled when it is built: its users need no bundler. */
async function writeClient(path: string, folder: string): Promise<void> {
  const source = join(root, path, 'bundle.ts')
  if (!existsSync(source)) return
  const { bundle } = (await import(source)) as { readonly bundle: () => Promise<Readonly<Record<string, string>>> }
  mkdirSync(join(folder, 'client'), { recursive: true })
  for (const [name, text] of Object.entries(await bundle())) writeFileSync(join(folder, 'client', name), text)
}

function pick(manifest: Manifest, keys: readonly (keyof Manifest)[]): Partial<Manifest> {
  return Object.fromEntries(keys.flatMap((key) => (manifest[key] === undefined ? [] : [[key, manifest[key]]])))
}

function browsable(repository: Manifest['repository']): string {
  if (repository === undefined) throw new Error('Cannot build: the package.json of the workspace names no "repository".')
  return repository.url.replace(/^git\+/, '').replace(/\.git$/, '')
}

if (import.meta.main) {
  try {
    const into = join(root, 'dist/packages')
    for (const { name, folder, files } of await build(into)) console.log(`${name}: ${files} files in ${relative(root, folder)}`)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
