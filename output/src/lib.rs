//! Tables, charts and reports: pure data in, bytes out; one function writes files.
