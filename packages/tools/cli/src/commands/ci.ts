import type { Command } from '@stricli/core'
import { print, type Shell } from '../shell.ts'
import { defineCommand } from './parameters.ts'

type Service = 'github' | 'gitlab'

export const ciCommand: Command<Shell> = defineCommand({
  brief: 'Print a pipeline: test, image, release, rollout',
  help: `
        Prints a file that has a service of continuous integration test a project, build its image and push it, write the release, and bring it to
        production. The registry and the secrets are variables of that service.`,
  examples: ['dure ci --for github > .github/workflows/release.yml', 'dure ci --for gitlab > .gitlab-ci.yml'],
  flags: {
    for: { kind: 'enum', values: ['github', 'gitlab'], brief: 'Who runs it' },
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: { readonly for: Service }): Promise<void> {
    print(this, pipelineFor(flags.for))
  },
})

const VERSIONED: Readonly<Record<Service, string>> = { github: '$GITHUB_SHA', gitlab: '$CI_COMMIT_SHA' }

/** The same commands, in the words of each. */
function pipelineFor(service: Service): string {
  const version = VERSIONED[service]
  const tests = ['npm ci', 'npx dure test']
  const rollout = [
    'npm ci',
    'npx dure image build',
    // What it prints is the image by its digest.
    `npx dure release write --version "${version}" --image "$(npx dure image push "$REGISTRY:${version}")"`,
    'npx dure deploy --to production',
  ]
  const list = (indent: string, commands: readonly string[], word = ''): string =>
    commands.map((one) => `${indent}- ${word}${one}`).join('\n')
  if (service === 'gitlab')
    return `image: node:26

test:
  script:
${list('    ', tests)}

deploy:
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  # One rollout at a time; the next one waits.
  resource_group: production
  environment: production
  script:
${list('    ', rollout)}
`
  return `on:
  push:
  pull_request:

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 26 }
${list('      ', tests, 'run: ')}

  deploy:
    needs: test
    if: github.ref_name == github.event.repository.default_branch
    runs-on: [self-hosted, production]
    # One rollout at a time; the next one waits.
    concurrency: production
    environment: production
    env:
      REGISTRY: \${{ vars.REGISTRY }}
    steps:
      - uses: actions/checkout@v4
${list('      ', rollout, 'run: ')}
`
}
