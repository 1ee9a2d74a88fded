/** How long it takes until a change of one source file is an image again, beside buildah, which has its layers cached as well. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildImage, type Image } from '@dure/deploy'
import type { BenchContext, BenchResult } from '../bench.ts'
import { median } from '../eventstore/rates.ts'

export const peers = false
const ROUNDS = 5
const root = join(import.meta.dirname, '../..')
/** Whoever builds the image reads the change from here. */
const EXAMPLE = 'examples/first-service'

export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  if (spawnSync('buildah', ['--version']).status !== 0)
    throw new Error(
      'Cannot measure beside buildah: it is not installed; on Debian: apt-get install --no-install-recommends buildah runc',
    )
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-image-'))
  try {
    const workspace = join(folder, 'workspace')
    copyWorkspace(workspace)
    const source = join(workspace, EXAMPLE, 'system.ts')
    const layout = join(folder, 'layout')
    const change = (): void => appendFileSync(source, '// One line more.\n')
    progress('The first builds, which compress the base')
    const first = await buildImage({ folder: join(workspace, EXAMPLE), layout })
    const buildah = openBuildah(folder, layout, first)
    buildah(source)
    const ours: number[] = []
    const commands: number[] = []
    const theirs: number[] = []
    let changed = 0
    for (let round = 0; round < ROUNDS; round++) {
      progress(`Round ${round + 1} of ${ROUNDS}`)
      change()
      const before = new Set(blobsOf(layout))
      ours.push(await timed(() => buildImage({ folder: join(workspace, EXAMPLE), layout })))
      const added = blobsOf(layout).filter((name) => !before.has(name))
      changed = added.reduce((sum, name) => sum + statSync(join(layout, 'blobs/sha256', name)).size, 0)
      change()
      commands.push(await timed(async () => runCommand(workspace, layout)))
      change()
      theirs.push(await timed(async () => buildah(source)))
    }
    const [rebuild, command, peer] = [median(ours), median(commands), median(theirs)]
    return {
      ratios: { vs_buildah: peer / command },
      figures: {
        rebuild_ms: rebuild,
        command_ms: command,
        buildah_ms: peer,
        bytes_changed: changed,
        image_bytes: first.layers.reduce((sum, { bytes }) => sum + bytes, 0),
        ...{ rebuild_ms_runs: ours, command_ms_runs: commands, buildah_ms_runs: theirs },
      },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const blobsOf = (layout: string): readonly string[] => readdirSync(join(layout, 'blobs/sha256'))

/** A workspace like this one, whose files may be changed; what is installed is this one's. */
function copyWorkspace(into: string): void {
  for (const path of ['package.json', 'package-lock.json', EXAMPLE, 'packages'])
    cpSync(join(root, path), join(into, path), { recursive: true, verbatimSymlinks: true })
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'))
}

function runCommand(workspace: string, layout: string): void {
  run(process.execPath, [
    ...[join(root, 'packages/tools/cli/bin/dure.js'), 'image', 'build', join(workspace, EXAMPLE, 'system.ts')],
    ...['--layout', layout],
  ])
}

/** The same content, in as many layers, by a Containerfile whose last line copies the application; into an OCI layout as well. */
function openBuildah(folder: string, layout: string, image: Image): (source: string) => void {
  const context = join(folder, 'context')
  mkdirSync(join(context, 'app'), { recursive: true })
  const names = image.layers.map(({ name }) => name).filter((name) => name !== 'application')
  for (const { name, digest } of image.layers)
    if (name !== 'application') cpSync(join(layout, 'blobs/sha256', digest.slice(7)), join(context, `${name}.tar.gz`))
  const lines = ['FROM scratch', ...names.map((name) => `ADD ${name}.tar.gz /`), `COPY app /app/${EXAMPLE}`, 'USER 65532']
  writeFileSync(join(context, 'Containerfile'), `${lines.join('\n')}\n`)
  const own = ['--root', join(folder, 'containers'), '--runroot', join(folder, 'run')]
  return (source) => {
    cpSync(source, join(context, 'app/system.ts'))
    run('buildah', [...own, 'bud', '--quiet', '--layers', '--isolation', 'chroot', '--tag', 'shop', context])
    const target = `oci:${join(folder, 'by-buildah')}:shop`
    run('buildah', [...own, 'push', '--quiet', 'shop', target])
    if (!existsSync(join(folder, 'by-buildah/index.json'))) throw new Error('Cannot measure buildah: it has written no image')
  }
}

function run(program: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(program, words, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot run "${program} ${words.join(' ')}": ${stderr}`)
}
