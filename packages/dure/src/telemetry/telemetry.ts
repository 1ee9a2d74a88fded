/** What a service says about itself: logs now, spans and exporters to come. */
export { createLogger, silentLogger, type Logger, type LogLevel, type LogFields } from './log.ts'
export { createHistogram, type Histogram, type HistogramSnapshot } from './histogram.ts'
