// The application's own script of the worker, for bundlers that don't find the package's.
import "twinwire/worker";
