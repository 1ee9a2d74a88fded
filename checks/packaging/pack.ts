/**
 * `npm run pack:all`: builds what is published and writes a tarball of each package into `dist/tarballs`, or the folder
 * named with `--into`. They install together or one by one, in any order, from a registry that has none of them.
 */
import { globSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root, run } from '../shell.ts'
import { build } from './build.ts'

export type Packed = {
  readonly name: string
  readonly file: string
  readonly files: number
  readonly bytes: number
  readonly unpacked: number
}

type Told = { readonly filename: string; readonly entryCount: number; readonly unpackedSize: number }

/** Builds and packs all packages. @throws when one cannot be built or packed */
export async function packAll(into: string): Promise<readonly Packed[]> {
  const place = join(root, 'dist', `packing-${process.pid}`)
  mkdirSync(into, { recursive: true })
  // Those of an older version would be installed beside the new ones; whatever else is there is not ours.
  for (const old of globSync(['dure-*.tgz', 'create-dure-*.tgz'], { cwd: into })) rmSync(join(into, old))
  try {
    const packed: Packed[] = []
    for (const { name, folder } of await build(place)) {
      const { code, output } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into], folder)
      if (code !== 0) throw new Error(`Cannot pack "${name}":\n${output}`)
      const [told] = JSON.parse(output) as [Told]
      const file = join(into, told.filename)
      packed.push({ name, file, files: told.entryCount, bytes: statSync(file).size, unpacked: told.unpackedSize })
    }
    return packed
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({ options: { into: { type: 'string', default: 'dist/tarballs' } } })
    for (const { name, file, files, bytes, unpacked } of await packAll(resolve(values.into)))
      console.log(
        `${name.padEnd(17)} ${String(files).padStart(4)} files, ${kilobytes(bytes)} packed, ${kilobytes(unpacked)} unpacked: ${relative(process.cwd(), file)}`,
      )
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_000)} kB`
}
