import type { RouteMap } from '@stricli/core'
import type { Shell } from '../../shell.ts'
import { defineRoutes } from '../parameters.ts'
import { compensateCommand, resumeCommand, signalCommand, skipCommand } from './change.ts'
import { exportCommand, listCommand, showCommand } from './look.ts'
import { pathCommand } from './path.ts'
import { replayCommand } from './replay.ts'

export const sagaCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    list: listCommand,
    show: showCommand,
    resume: resumeCommand,
    skip: skipCommand,
    compensate: compensateCommand,
    signal: signalCommand,
    export: exportCommand,
    replay: replayCommand,
    path: pathCommand,
  },
  brief: 'Look at sagas, and have them go on or undone',
  help: `
        Sagas of the system that runs on a data directory. One that cannot go on by itself pauses, and says why: mend that and
        resume it, skip the step, or have undone what it did. Who did so and why is kept in its history.`,
  examples: [
    'dure saga list --state paused',
    'dure saga show order-17',
    'dure saga resume order-17 --reason "the bank is open again"',
    'dure saga replay order-17.json',
  ],
})
