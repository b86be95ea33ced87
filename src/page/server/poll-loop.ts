export interface PollLoop {
  /** Polls now, or as soon as the poll under way has ended. */
  now(): void;
  /** Polls no more before `now`. */
  stop(): void;
}

/**
 * Polls again and again, one poll at a time, and not while the page is hidden.
 *
 * @param poll - tells after how many milliseconds it is to be called again.
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
