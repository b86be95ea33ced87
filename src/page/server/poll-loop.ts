export interface PollLoop {
  /** Polls now, or as soon as the current poll has ended. */
  now(): void;
  /** Stops polling until `now` is called. */
  stop(): void;
}

/**
 * Polls repeatedly, one poll at a time, and not while the page is hidden.
 *
 * @param poll - returns the milliseconds until it is called again.
 */
export function pollLoop(poll: () => Promise<number>): PollLoop {
  let timer: number | undefined;
  let isRunning = false;
  let isWanted = false;
  let isStopped = false;

  async function run(): Promise<void> {
    if (isRunning) {
      isWanted = true;
      return;
    }
    window.clearTimeout(timer);
    timer = undefined;
    isRunning = true;
    isWanted = false;
    const pauseMs = await poll().finally(() => {
      isRunning = false;
    });
    if (isStopped) return;
    timer = window.setTimeout(runWhenSeen, isWanted ? 0 : pauseMs);
  }

  function runWhenSeen(): void {
    timer = undefined;
    if (document.visibilityState === 'visible') void run();
  }

  document.addEventListener('visibilitychange', () => {
    if (timer === undefined && !isStopped && !isRunning) runWhenSeen();
  });

  return {
    now() {
      isStopped = false;
      void run();
    },
    stop() {
      isStopped = true;
      window.clearTimeout(timer);
      timer = undefined;
    },
  };
}
